/** What the server tells its pages before anything else. */

/**
 * @param {URL} address of `/api/config`
 * @returns {Promise<{iceServers: RTCIceServer[], refused: boolean}>} never rejects: without an answer there are no
 *   ICE servers, and a call works where the server can be reached directly. `refused` means that the server
 *   demands an access token which this page's address lacks.
 */
export async function fetchConfig(address) {
  try {
    const response = await fetch(address, { cache: 'no-store' });
    if (!response.ok) return { iceServers: [], refused: response.status === 401 || response.status === 403 };
    return { iceServers: (await response.json()).iceServers ?? [], refused: false };
  } catch {
    return { iceServers: [], refused: false };
  }
}
