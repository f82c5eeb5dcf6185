/** Shows the description of the REST API. Its texts become text nodes, never markup. */

import { byId, setText } from '../dom.js';
import { operationsByTag, schemas } from './outline.js';

function element(name, text = '', className = '') {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function table(title, rows) {
  const made = element('table');
  made.append(element('caption', title));
  for (const row of rows) {
    const line = element('tr');
    line.append(...row.map((text) => element('td', text)));
    made.append(line);
  }
  return made;
}

function section(heading, words, parts) {
  const made = element('details');
  const summary = element('summary');
  summary.append(...heading);
  made.append(summary);
  if (words) made.append(element('p', words));
  made.append(...parts);
  return made;
}

function operationView(operation) {
  const heading = [
    element('span', operation.method, 'method'),
    element('code', operation.path),
    element('span', operation.title, 'title'),
  ];
  const parts = [];
  if (operation.parameters.length > 0) parts.push(table('Parameters', operation.parameters));
  if (operation.body) parts.push(element('p', `Body: ${operation.body}`));
  parts.push(table('Answers', operation.answers));
  return section(heading, operation.words, parts);
}

function schemaView(schema) {
  const parts = schema.fields.length > 0 ? [table('Fields', schema.fields)] : [];
  if (schema.values.length > 0) parts.push(element('p', schema.values.join(' | ')));
  return section([element('code', schema.name)], schema.words, parts);
}

async function show() {
  const response = await fetch('openapi.json');
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const description = await response.json();
  setText(byId('about'), description.info.description);
  for (const [tag, operations] of operationsByTag(description)) {
    byId('operations').append(element('h2', tag), ...operations.map(operationView));
  }
  byId('schemas').append(...schemas(description).map(schemaView));
}

show().catch((error) => {
  const problem = byId('problem');
  setText(problem, `The description cannot be shown: ${error.message}.`);
  problem.hidden = false;
});
