import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BadNetwork } from '../shared/bad-network.mjs';
import { until } from '../shared/waiting.mjs';
import { ask } from './apps/ask.mjs';
import { Presentation } from './presentation.mjs';
import { tell } from './theatre.mjs';

tell('A presentation in three encodings', (theatre) => {
  it('explore', async () => {
    const network = new BadNetwork({ delay_ms: 20, rate: 3_000_000, queue_ms: 500 });
    try {
      const t0 = performance.now();
      const log = (...a) => console.log(((performance.now() - t0) / 1000).toFixed(1), ...a);
      const p = await Presentation.begin(theatre, 'simulcast');
      log('begun');
      const brief = async () => (await p.sent()).map((s) => `${s.rid}:${s.frameWidth}x@${s.framesPerSecond} tgt ${s.targetBitrate} ${s.framesEncoded}f ${s.bytesSent}B pli ${s.pliCount}+${s.firCount}`).join(' | ');
      const ben = await p.joinedBy('Ben', network);
      log('ben');
      const cay = await p.joinedBy('Cay');
      const dan = await p.joinedBy('Dan');
      log('all', await brief());
      const view = async (v) => { const s = await v.reception('video'); return `${v.name} ${s.frameWidth} dec ${s.framesDecoded} rec ${s.framesReceived} drop ${s.framesDropped} lost ${s.packetsLost} pli ${s.pliCount} nack ${s.nackCount} fr ${s.freezeCount} ${s.totalFreezesDuration} kf ${s.keyFramesDecoded}`; };
      const look = async () => { for (const v of [ben, cay, dan]) log(await view(v)); log(await brief()); };
      const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
      for (let i = 0; i < 8; i++) { await sleep(1000); log(await view(ben)); log(await brief()); }
      await look();
      log('narrow', await network.change({ rate: 500_000 }));
      for (let i = 0; i < 10; i++) { await sleep(1000); log(await view(ben)); }
      await look();
      log('wide', await network.change({ rate: 3_000_000 }));
      for (let i = 0; i < 10; i++) { await sleep(1000); log(await view(ben)); }
      await look();
      log(await network.counters());
      for (const v of [ben, cay, dan]) {
        const d = await v.page.evaluate(() => window.keelDiary);
        let last = d[0], still = 0; for (const e of d) { if (e.framesDecoded > last.framesDecoded) { still = Math.max(still, e.at - last.at); last = e; } }
        log(v.name, 'longest still', still, d.length);
      }
    } finally {
      await network.end();
    }
  });
});
