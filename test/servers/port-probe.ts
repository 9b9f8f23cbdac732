// Readiness of servers that speak no HTTP. In: a port on 127.0.0.1. Out: whether somebody accepts connections there.
import { connect } from 'node:net';

export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
