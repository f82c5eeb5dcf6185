/** Where the elements of a pipeline stand: columns in the direction in which media flows. */

export const NODE = { width: 240, height: 64, gapX: 200, gapY: 28, margin: 24 };

/**
 * Each element stands one column right of the nearest that feeds it; two that feed each other, as in a call, stand
 * beside each other in the order of their creation.
 *
 * @param {{id: number}[]} elements in the order of their creation
 * @param {{source: number, sink: number}[]} connections
 * @returns {{places: Map<number, {x: number, y: number}>, width: number, height: number}}
 */
export function layOut(elements, connections) {
  const columns = columnsOf(elements, connections);
  const heights = [];
  const places = new Map();
  for (const { id } of elements) {
    const column = columns.get(id);
    const row = heights[column] ?? 0;
    heights[column] = row + 1;
    places.set(id, {
      x: NODE.margin + column * (NODE.width + NODE.gapX),
      y: NODE.margin + row * (NODE.height + NODE.gapY),
    });
  }
  const rows = Math.max(0, ...heights.map((height) => height ?? 0));
  return {
    places,
    width: 2 * NODE.margin + heights.length * NODE.width + Math.max(0, heights.length - 1) * NODE.gapX,
    height: 2 * NODE.margin + rows * NODE.height + Math.max(0, rows - 1) * NODE.gapY,
  };
}

/** Breadth first from those that nobody else feeds; what only circles reach begins at its oldest element. */
function columnsOf(elements, connections) {
  const sinks = new Map(elements.map(({ id }) => [id, []]));
  const fed = new Set();
  for (const { source, sink } of connections) {
    if (source === sink || !sinks.has(source) || !sinks.has(sink)) continue;
    sinks.get(source).push(sink);
    fed.add(sink);
  }
  const columns = new Map();
  const spread = (front) => {
    for (let column = 0; front.length > 0; column += 1) {
      for (const id of front) columns.set(id, column);
      front = [...new Set(front.flatMap((id) => sinks.get(id)))].filter((id) => !columns.has(id));
    }
  };
  const ids = elements.map(({ id }) => id);
  spread(ids.filter((id) => !fed.has(id)));
  for (const id of ids) if (!columns.has(id)) spread([id]);
  return columns;
}
