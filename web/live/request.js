/** Requests about livestreams, and why they are refused. */

/** Why a request was refused: the server's words, the `status`, its `code` and the seconds to wait, if it says any. */
export class LiveError extends Error {
  name = 'LiveError';

  constructor(message, { status = 0, code = '', retryAfter = 0 } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/**
 * @param {string} method
 * @param {string | URL} url
 * @param {string} [token] shown to the server, where it asks for one
 * @param {RequestInit} [further] headers, body and the like
 * @returns {Promise<Response>} with a status of success
 * @throws {LiveError} when the server refuses
 * @throws {TypeError} when it cannot be reached
 */
export async function request(method, url, token, further = {}) {
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(url, { cache: 'no-store', ...further, method, headers: { ...further.headers, ...authorization } });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new LiveError(problem.detail ?? response.statusText, {
    status: response.status,
    code: problem.code,
    retryAfter: Number(response.headers.get('Retry-After') ?? 0),
  });
}

/**
 * How a stream does.
 *
 * @param {string} stream its name
 * @param {string} [token]
 * @returns {Promise<{state: 'waiting' | 'live' | 'interrupted', since?: number, viewers: number,
 *   tracks: {kind: string, rid?: string, bitrate?: number, packets: number, packets_lost: number}[]} | null>}
 *   `null`: there is no such stream
 * @throws {LiveError | TypeError} see `request`
 */
export async function fetchStatus(stream, token) {
  try {
    return await (await request('GET', `/api/live/${encodeURIComponent(stream)}`, token)).json();
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** @returns {boolean} whether the server wants another token, or one at all */
export function isAboutToken({ status, code = '' }) {
  return status === 401 || (status === 403 && /^(access_token|grant|token)_/.test(code));
}
