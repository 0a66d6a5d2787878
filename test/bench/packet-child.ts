/** The other end of a direct border, which sends back what it is sent: `node packet-child.js PORT`. Its parent ends it. */
import { WebSocket } from 'ws';
import { noMask } from '../../runtime/net/dial.ts';
import { quickMessages } from '../../runtime/net/quick-messages.ts';
import { quickSend } from '../../runtime/net/quick-send.ts';
import { SOCKET_LIMITS } from '../../runtime/net/socket-limits.ts';
import { FRAME_ROOM, PacketPool } from '../../runtime/wire/packet-pool.ts';
import { MAX_BINARY_BYTES } from '../../runtime/wire/routing.ts';

process.once('disconnect', () => process.exit(0));
const socket = new WebSocket(`ws://127.0.0.1:${process.argv[2]}`, { ...SOCKET_LIMITS, generateMask: noMask });
socket.once('open', () => {
  const send = quickSend(socket);
  const pool = new PacketPool(FRAME_ROOM);
  socket.on('message', (bytes: Buffer) => {
    const packet = pool.take(bytes.length);
    send(packet, () => pool.give(packet));
  });
  quickMessages(socket, MAX_BINARY_BYTES);
  // From here on nothing but packets goes over it.
  process.send?.('open');
});
