// Elements made from values. Text is only ever put into the page as text.

/** Children without those that are left out, in one list. */
const present = (children) => {
  return children
    .flat(Number.POSITIVE_INFINITY)
    .filter((child) => child !== undefined && child !== false && child !== '');
};

/** An element with these attributes (`on...` are listeners, `undefined` and `false` are left out) and children, elements or texts. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...present(children));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Replaces what is in an element. What had the focus gets it again, if its `data-key` is still there. */
export function fill(id, ...children) {
  const target = byId(id);
  const { key } = target.contains(document.activeElement) ? document.activeElement.dataset : {};
  target.replaceChildren(...present(children));
  if (key !== undefined) target.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}
