// A broadcaster on ws, the WebSocket library of Node, as in its documentation:
// every message goes to every open client of the room, the path of the request.
import { createServer } from 'node:http';
import { WebSocketServer, WebSocket } from 'ws';

const [host, port] = process.argv[2].split(':');
const rooms = new Map();
const server = createServer();
const wss = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false });

wss.on('connection', (socket, request) => {
  let room = rooms.get(request.url);
  if (!room) rooms.set(request.url, (room = new Set()));
  room.add(socket);
  socket.on('error', console.error);
  socket.on('close', () => room.delete(socket));
  socket.on('message', (data) => {
    for (const client of room) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
    }
  });
});

server.listen({ host, port: Number(port), backlog: 4096 });
