import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { Certificate } from '../shared/certificate.mjs';
import { tell } from './stage.mjs';

// Peers are told of TURN over TLS only with a certificate of the operator's.
const certificate = new Certificate(['localhost', '127.0.0.1']);
after(() => certificate.remove());

const ports = [
  ['the HTTPS port', ['--turn-addresses=127.0.0.1', '--turn-https=true']],
  ['a port of its own', ['--turn-https=false']],
];

for (const [port, way] of ports) {
  const options = { server: { flags: [...certificate.flags, ...way] }, browser: { trusting: true }, seating: { relay: 'tls' } };
  tell(`A browser that reaches nothing but the TURN server over TLS, on ${port}`, options, (stage) => {
    it('sees and hears, and is seen and heard', async () => {
      const ada = await stage.seat('Ada');
      const ben = await stage.seat('Ben');
      await stage.callBetween(ada, ben);
      await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
      for (const seat of [ada, ben]) assert.deepEqual(await seat.path(), { type: 'relay', wire: 'tls' });
      const told = await ada.turnUrls();
      const page = new URL(stage.keel.url).port;
      assert.equal(told.some((url) => url.startsWith('turns:') && url.includes(`:${page}?`)), way.includes('--turn-https=true'));
    });
  });
}
