// Makes elements. The only way text gets into the document is textContent, so log content can never be markup.

/**
 * @param {string} tag
 * @param {string} [className]
 * @param {string | readonly (Node | null)[]} [content] Text, or children.
 * @param {Record<string, string>} [attributes]
 * @returns {HTMLElement}
 */
export function element(tag, className = '', content = '', attributes = {}) {
  const node = document.createElement(tag);
  if (className !== '') node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (typeof content === 'string') {
    if (content !== '') node.textContent = content;
  } else for (const child of content) if (child !== null) node.append(child);
  return node;
}

/**
 * @param {string} className
 * @param {string} text
 * @param {(button: HTMLElement) => void} onClick
 * @param {Record<string, string>} [attributes]
 */
export function button(className, text, onClick, attributes = {}) {
  const node = element('button', className, text, { type: 'button', ...attributes });
  node.addEventListener('click', (event) => {
    event.stopPropagation();
    onClick(node);
  });
  return node;
}

/** A button that copies text and says so. @param {string} label @param {() => string} text */
export function copyButton(label, text) {
  return button('quiet', label, (node) => {
    navigator.clipboard.writeText(text()).then(
      () => flash(node, 'Copied', label),
      () => flash(node, 'Not allowed', label),
    );
  });
}

/** @param {HTMLElement} node @param {string} text @param {string} back */
function flash(node, text, back) {
  node.textContent = text;
  setTimeout(() => {
    node.textContent = back;
  }, 1200);
}

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const node = document.getElementById(id);
  if (node === null) throw new Error(`no element ${id}`);
  return node;
}
