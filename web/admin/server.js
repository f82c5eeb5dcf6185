/** What is asked of the server, in the administrator's name. */

/**
 * @param {string} path below `/api/`
 * @param {string} token
 * @param {string} [method]
 * @returns {Promise<{page?: object, refused?: string, problem?: string}>} `page`: what was answered, empty without a
 *   body; `refused`: the token is not enough; `problem`: it cannot be done, in the server's words. Never rejects.
 */
export async function ask(path, token, method = 'GET') {
  try {
    const response = await fetch(`api/${path}`, {
      method,
      cache: 'no-store',
      headers: { Authorization: `Bearer ${token}` },
    });
    if (response.status === 204) return { page: {} };
    const body = await response.json();
    if (response.ok) return { page: body };
    if (response.status === 401 || response.status === 403) return { refused: body.detail };
    return { problem: body.detail };
  } catch {
    return { problem: 'The server does not answer.' };
  }
}
