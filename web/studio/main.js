/** Keel's live studio: the parts, put together. Start reading at `show.js`. */

import { fetchConfig } from '../config.js';
import { Confirmation } from '../confirmation.js';
import { byId } from '../dom.js';
import { Equipment } from '../equipment/equipment.js';
import { mountPickers } from '../equipment/pickers.js';
import { readOptions, serverAddress } from '../options.js';
import { mountFiguresView } from './figures-view.js';
import { mountFormView } from './form-view.js';
import { mountLinkView } from './link-view.js';
import { drawName, isStreamName } from './name.js';
import { mountNoticeView } from './notice-view.js';
import { mountPhaseView } from './phase-view.js';
import { takeMark, leaveMark } from './reload.js';
import { mountSceneView } from './scene-view.js';
import { Show } from './show.js';

const { accessToken, video, stream } = readOptions(location.search);
const config = (token) => fetchConfig(serverAddress('/api/config', token, location));
const equipment = new Equipment(video);
const show = new Show({
  name: isStreamName(stream) ? stream : drawName(),
  token: accessToken,
  // Asked for anew with every connection: TURN credentials expire.
  iceServers: async (token) => (await config(token)).iceServers,
}, equipment);

mountNoticeView(show);
mountPickers(equipment, byId('pickers'));
mountSceneView(show, equipment);
mountFormView(show, equipment);
mountFiguresView(show);
mountLinkView(show);
mountPhaseView(show, new Confirmation());
window.addEventListener('pagehide', () => leaveMark(show));
begin();

async function begin() {
  const mark = takeMark();
  const [{ refused }] = await Promise.all([config(mark?.token ?? accessToken), equipment.open()]);
  if (refused) show.demandToken();
  if (mark) show.start(mark.name, mark.token);
}
