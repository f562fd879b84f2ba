import { connect, type Socket } from 'node:net';

/** All that comes back over a connection until the other side closes, or cuts, it. */
export function received(socket: Socket): Promise<string> {
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
  // Cut while more is being sent, it ends with an error here: what came before counts.
  socket.on('error', () => {});
  return new Promise((resolve) => socket.on('close', () => resolve(answer)));
}

/** Sends bytes as they are over a connection of their own, and resolves to all that comes back. */
export function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  return received(socket);
}

/** One request over a connection of its own, byte for byte as given: a test's way past what HTTP clients correct. */
export function request(head: string[], body: string | Buffer = ''): Buffer {
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  return Buffer.concat([
    Buffer.from(`${[...head, 'Host: x', 'Connection: close', length].join('\r\n')}\r\n\r\n`, 'latin1'),
    Buffer.from(body),
  ]);
}
