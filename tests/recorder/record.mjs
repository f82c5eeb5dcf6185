// Records the RTP packets of a real Chromium, decrypted: `node record.mjs [NAME...]` makes the recordings of
// `recipes.mjs` in `crates/media/tests/recordings`. How they are made and read: the README there.

import { createServer } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';
import { packetsSent } from './dump.mjs';
import { publish } from './publisher.mjs';
import { RECIPES } from './recipes.mjs';
import { rtpdump } from './rtpdump.mjs';

const FOLDER = fileURLToPath(new URL('../../crates/media/tests/recordings/', import.meta.url));

/** libwebrtc writes each packet into its log before it protects it, when this trial and this log are on. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--use-fake-device-for-media-stream=fps=15',
  '--use-fake-ui-for-media-stream',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--force-fieldtrials=WebRTC-Debugging-RtpDump/Enabled/',
  '--enable-logging=stderr',
  '--vmodule=*srtp_session*=5',
];

async function record(name, recipe, url) {
  const browser = await puppeteer.launch({
    browser: 'chrome',
    headless: true,
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
    env: { ...process.env, TZ: 'UTC' },
    args: FLAGS,
  });
  const log = [];
  browser.process().stderr.on('data', (chunk) => log.push(chunk));
  try {
    const page = await browser.newPage();
    await page.goto(url);
    const { begun, description } = await page.evaluate(publish, recipe);
    const packets = packetsSent(Buffer.concat(log).toString('latin1'), begun);
    if (packets.length === 0) throw new Error(`${name}: the log of Chromium has no packets`);
    const version = await browser.version();
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(`${FOLDER}${name}.rtpdump`, rtpdump(packets));
    writeFileSync(`${FOLDER}${name}.json`, `${JSON.stringify({ version, ...description }, null, 2)}\n`);
    console.log(`${name}: ${packets.length} packets, ${description.codec}, ${description.encoder}`);
  } finally {
    await browser.close();
  }
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(RECIPES);
const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
for (const name of names) {
  if (!RECIPES[name]) throw new Error(`no recipe ${name}; there are ${Object.keys(RECIPES).join(', ')}`);
  await record(name, RECIPES[name], `http://127.0.0.1:${server.address().port}/`);
}
server.close();
