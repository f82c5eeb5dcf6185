import { watchPeers } from '../shared/peer-watch.mjs';

/** The smallest picture that still shows the pattern move: several of them fit on two cores. */
export const SMALL = '160x90@10';

/**
 * Opens a page of the server in a context of its own, as a person of its own.
 *
 * @param {import('puppeteer-core').Browser} browser
 * @param {URL} address
 * @param {{video?: string, accessToken?: string, viewport?: object, before?: ((page: object) => Promise<void>)[]}} options
 *   `video`: see `web/options.js`; `before`: what is done before the page's own scripts run
 * @returns {Promise<{page: object, close: () => Promise<void>, problems: string[]}>} `problems`: errors of the page's
 *   own code, which fail a story even where nothing else shows them
 */
export async function openPage(browser, address, { video = SMALL, accessToken, viewport = { width: 800, height: 600 }, before = [] } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) problems.push(message.text());
  });
  await page.setViewport(viewport);
  await page.evaluateOnNewDocument(watchPeers);
  for (const step of before) await step(page);
  address.searchParams.set('video', video);
  if (accessToken) address.searchParams.set('access_token', accessToken);
  await page.goto(address.href);
  return { page, close: () => context.close(), problems };
}
