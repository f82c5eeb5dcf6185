import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { tell } from './stage.mjs';

// Peers are told of TURN over TLS only with a certificate of the operator's.
const folder = mkdtempSync(join(tmpdir(), 'keel-certificate-'));
const [certificate, key] = ['certificate.pem', 'key.pem'].map((name) => join(folder, name));
const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
execFileSync('openssl', ['req', '-x509', ...made, ...names, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
after(() => rmSync(folder, { recursive: true }));

const flags = ['--tls-certificate', certificate, '--tls-key', key, '--turn-host', 'localhost', '--kurento-tls-port', '0'];
const ports = [
  ['the HTTPS port', ['--turn-https=true']],
  ['a port of its own', ['--turn-https=false']],
];

for (const [port, way] of ports) {
  const options = { server: { flags: [...flags, ...way] }, browser: { trusting: true }, seating: { relay: 'tls' } };
  tell(`A browser that reaches nothing but the TURN server over TLS, on ${port}`, options, (stage) => {
    it('sees and hears, and is seen and heard', async () => {
      const ada = await stage.seat('Ada');
      const ben = await stage.seat('Ben');
      await stage.callBetween(ada, ben);
      await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
      for (const seat of [ada, ben]) assert.deepEqual(await seat.path(), { type: 'relay', relayProtocol: 'tls' });
      const told = await ada.turnUrls();
      const page = new URL(stage.keel.url).port;
      assert.equal(told.some((url) => url.startsWith('turns:') && url.includes(`:${page}?`)), way[0].endsWith('true'));
    });
  });
}
