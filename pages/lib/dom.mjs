// Elements of a page. Text is set as text, never as HTML, so that nothing in a file can become part of the page.

/** An element by its id. */
export const byId = (id) => document.getElementById(id);

/** Children in one list, without those that are left out. */
const present = (children) => {
  return children
    .flat(Number.POSITIVE_INFINITY)
    .filter((child) => child !== undefined && child !== false && child !== '');
};

/**
 * Makes an element. `properties` may have listeners as `onclick`, `dataset`, and attributes of ARIA and data; children are elements,
 * texts and lists of them. Properties that are undefined are left out, and so are children that are undefined, false or ''.
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name.includes('-') || name === 'role') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...present(children));
  return element;
}

/** Replaces the children of the element with an id. What had the focus gets it again, if its `data-key` is still there. */
export function fill(id, ...children) {
  const target = byId(id);
  const { key } = target.contains(document.activeElement) ? document.activeElement.dataset : {};
  target.replaceChildren(...present(children));
  if (key !== undefined) target.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

/** Whether keys that are pressed now are meant for a field. */
export function isTyping({ target }) {
  return (
    target instanceof HTMLElement && target.matches('input:not([type=range]), select, textarea')
  );
}
