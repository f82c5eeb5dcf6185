/** What an OpenAPI document says, as plain lists of texts for the page to show. No DOM here. */

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** The operations by their tag, in the document's order. */
export function operationsByTag(document) {
  const groups = new Map();
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      const [tag = 'other'] = operation.tags ?? [];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(outline(method, path, operation));
    }
  }
  return groups;
}

function outline(method, path, operation) {
  return {
    method: method.toUpperCase(),
    path,
    title: operation.summary ?? '',
    words: operation.description ?? '',
    parameters: (operation.parameters ?? []).map((parameter) => [
      parameter.name,
      `${typeOf(parameter.schema)}, in the ${parameter.in}`,
      parameter.description ?? '',
    ]),
    body: bodyOf(operation.requestBody),
    answers: Object.entries(operation.responses ?? {}).map(([status, answer]) => [
      status,
      bodyOf(answer),
      answer.description ?? '',
    ]),
  };
}

function bodyOf(part) {
  const [[kind, content] = []] = Object.entries(part?.content ?? {});
  if (!kind) return '';
  return kind === 'application/json' ? typeOf(content.schema) : kind;
}

/** The fields of each schema. */
export function schemas(document) {
  return Object.entries(document.components?.schemas ?? {}).map(([name, schema]) => ({
    name,
    words: schema.description ?? '',
    values: schema.enum ?? [],
    fields: Object.entries(schema.properties ?? {}).map(([field, type]) => [
      (schema.required ?? []).includes(field) ? field : `${field} (optional)`,
      typeOf(type),
      type.description ?? '',
    ]),
  }));
}

/** A schema in one line. */
export function typeOf(schema) {
  if (!schema) return '';
  if (schema.$ref) return schema.$ref.split('/').pop();
  if (schema.enum) return schema.enum.join(' | ');
  for (const several of [schema.oneOf, schema.anyOf, schema.allOf]) {
    if (several) return several.map(typeOf).join(' | ');
  }
  const type = [schema.type ?? 'anything'].flat().join(' | ');
  return type.startsWith('array') ? `list of ${typeOf(schema.items)}` : type;
}
