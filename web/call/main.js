/** Keel's page for one-to-one calls: the parts, put together. Start reading at `phone.js`. */

import { Socket } from '../client/socket.js';
import { fetchConfig } from '../config.js';
import { readOptions, serverAddress } from '../options.js';
import { mountChatPanelView } from './chat-panel-view.js';
import { mountIncomingView } from './incoming-view.js';
import { mountLinkView } from './link-view.js';
import { mountLobbyView } from './lobby-view.js';
import { mountNoticeView } from './notice-view.js';
import { mountObstacleView } from './obstacle-view.js';
import { mountPanelView } from './panel-view.js';
import { Phone } from './phone.js';
import { mountRegisterView } from './register-view.js';
import { mountStageView } from './stage-view.js';

const { accessToken, video } = readOptions(location.search);
const signaling = new Socket(serverAddress('/call', accessToken, location));
// Asked for anew with every call: TURN credentials expire.
const config = () => fetchConfig(serverAddress('/api/config', accessToken, location));
const phone = new Phone(signaling, { video, iceServers: async () => (await config()).iceServers });

mountLinkView(signaling, config);
mountNoticeView(phone);
mountRegisterView(phone);
mountLobbyView(phone);
mountIncomingView(phone);
mountObstacleView(phone);
mountStageView(phone);
mountPanelView(phone);
mountChatPanelView(phone);
signaling.connect();
