"""A presenter by WHIP or a viewer by WHEP on aiortc, a stack of its own.

`livestream.py play URL` prints one line of JSON when it has decoded enough, and ends. `livestream.py publish URL`
prints one when it is connected, and publishes a moving picture and silence until its standard input ends.
"""

import asyncio
import fractions
import json
import sys
import urllib.parse
import urllib.request

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import AudioStreamTrack
from av import VideoFrame

FRAMES = 20
SOUNDS = 25
FRAME_RATE = 10
CLOCK_RATE = 90_000


class MovingBar(VideoStreamTrack):
    """A bright bar that wanders over a dark picture."""

    def __init__(self):
        super().__init__()
        self.number = 0

    async def recv(self):
        await asyncio.sleep(1 / FRAME_RATE)
        frame = VideoFrame(160, 90, "rgb24")
        stride = frame.planes[0].line_size
        line = bytearray(stride)
        begin = (self.number * 8) % 150 * 3
        line[begin : begin + 30] = b"\xff" * 30
        frame.planes[0].update(bytes(line) * 90)
        frame.pts = self.number * CLOCK_RATE // FRAME_RATE
        frame.time_base = fractions.Fraction(1, CLOCK_RATE)
        self.number += 1
        return frame


async def begin(connection, url):
    """Has the server answer an offer; the session's address."""
    await connection.setLocalDescription(await connection.createOffer())
    request = urllib.request.Request(
        url, connection.localDescription.sdp.encode(), {"Content-Type": "application/sdp"}, method="POST"
    )
    with await asyncio.to_thread(urllib.request.urlopen, request) as response:
        answer = response.read().decode()
        location = response.headers["Location"]
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    return urllib.parse.urljoin(url, location)


async def end(connection, session):
    with await asyncio.to_thread(urllib.request.urlopen, urllib.request.Request(session, method="DELETE")):
        pass
    await connection.close()


async def play(url):
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in ("audio", "video"):
        connection.addTransceiver(kind, "recvonly")
    session = await begin(connection, url)
    tracks = {transceiver.kind: transceiver.receiver.track for transceiver in connection.getTransceivers()}

    async def pictures():
        seen = set()
        for _ in range(FRAMES):
            frame = await tracks["video"].recv()
            seen.add(bytes(frame.planes[0]))
        return {"width": frame.width, "height": frame.height, "different": len(seen)}

    async def sounds():
        for _ in range(SOUNDS):
            await tracks["audio"].recv()
        return SOUNDS

    video, audio = await asyncio.wait_for(asyncio.gather(pictures(), sounds()), 30)
    await end(connection, session)
    print(json.dumps({"video": video, "sounds": audio}), flush=True)


async def publish(url):
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connected = asyncio.Event()

    @connection.on("connectionstatechange")
    def changed():
        if connection.connectionState == "connected":
            connected.set()

    connection.addTrack(AudioStreamTrack())
    connection.addTrack(MovingBar())
    session = await begin(connection, url)
    await asyncio.wait_for(connected.wait(), 30)
    print(json.dumps({"session": session}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await end(connection, session)


if __name__ == "__main__":
    _, what, address = sys.argv
    asyncio.run({"play": play, "publish": publish}[what](address))
