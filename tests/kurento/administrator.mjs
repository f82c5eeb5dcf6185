const TOKEN = 'the-admin-of-the-stories';

/** Flags of a server that has an administrator. */
export const WITH_ADMINISTRATOR = ['--admin-token', TOKEN];

/**
 * The video streams of all endpoints, as the administrator sees them.
 *
 * @param {import('../shared/keel.mjs').Keel} keel
 * @returns {Promise<{incoming: object[], outgoing: object[]}>}
 */
export async function videoOf(keel) {
  const response = await fetch(new URL('api/pipelines', keel.url), { headers: { authorization: `Bearer ${TOKEN}` } });
  const { pipelines } = await response.json();
  const endpoints = pipelines.flatMap(({ elements }) => elements).flatMap(({ endpoint }) => endpoint ?? []);
  const streams = (side) => endpoints.flatMap((endpoint) => endpoint[side]).filter(({ kind }) => kind === 'video');
  return { incoming: streams('incoming'), outgoing: streams('outgoing') };
}

/** How many packets Keel left out because paths to viewers did not carry them. */
export async function leftOut(keel) {
  const text = await (await fetch(new URL('metrics', keel.url))).text();
  return Number(/^keel_drops_total\{reason="path_full"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}
