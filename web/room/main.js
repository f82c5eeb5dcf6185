/** Keel's room page: the parts, put together. Start reading at `visit.js`. */

import { mountChatView } from '../chat/chat-view.js';
import { fetchConfig } from '../config.js';
import { Confirmation } from '../confirmation.js';
import { byId } from '../dom.js';
import { Equipment } from '../equipment/equipment.js';
import { mountPickers } from '../equipment/pickers.js';
import { readOptions, serverAddress } from '../options.js';
import { mountControlsView } from './controls-view.js';
import { mountEntranceView } from './entrance-view.js';
import { mountFarewellView } from './farewell-view.js';
import { mountFloorView } from './floor-view.js';
import { mountFrameView } from './frame-view.js';
import { mountNoticeView } from './notice-view.js';
import { mountPanels } from './panels.js';
import { mountPeopleView } from './people-view.js';
import { mountReactionsView } from './reactions-view.js';
import { mountShortcuts } from './shortcuts.js';
import { mountSoundView } from './sound-view.js';
import { Visit } from './visit.js';

const { accessToken, video, room: roomName } = readOptions(location.search);
const config = serverAddress('/api/config', accessToken, location);
const equipment = new Equipment(video);
const visit = new Visit({
  server: serverAddress('/groupcall', accessToken, location),
  // Asked for anew with every visit: TURN credentials expire.
  iceServers: async () => (await fetchConfig(config)).iceServers,
  roomName,
}, equipment);
const confirmation = new Confirmation();

mountFrameView(visit);
mountNoticeView(visit);
mountPickers(equipment, byId('entrance-pickers'));
mountPickers(equipment, byId('settings-pickers'));
mountEntranceView(visit);
mountFloorView(visit);
mountSoundView(visit);
mountControlsView(visit);
mountReactionsView(visit);
mountPanels(visit);
const showChat = mountChatView((sentence) => visit.tell(sentence));
visit.addEventListener('change', () => showChat(visit.room));
mountPeopleView(visit, confirmation, accessToken !== null);
mountFarewellView(visit);
mountShortcuts();
window.addEventListener('pagehide', () => visit.goAway());
equipment.open();
