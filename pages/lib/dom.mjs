// Elements of a page. Text is set as text, never as HTML, so that nothing in a file can become part of the page.

/** An element by its id. */
export const byId = (id) => document.getElementById(id);

/** Makes an element; `properties` may have `dataset` and ARIA attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name.includes('-') || name === 'role') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Whether keys that are pressed now are meant for a field. */
export function isTyping({ target }) {
  return (
    target instanceof HTMLElement && target.matches('input:not([type=range]), select, textarea')
  );
}
