import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startNgrokAgent, tunnel, type NgrokAgent } from '../../scripts/stand-in/ngrok-agent.js';
import { CREDENTIALS, type Platform } from '../../scripts/stand-in/platform.js';
import { closeAll, startPlatform } from '../support/in-process.js';
import { endPrograms, program, Receiver, run, Transcript } from '../support/programs.js';

let close: () => Promise<unknown> = async () => {};

afterEach(async () => {
  await endPrograms();
  await close();
  await closeAll();
});

/** What ngrok does, under a new address unless one's own port is given: it passes on to a port of this machine, or answers 502 itself. */
async function openTunnel(port: number, own = 0) {
  const sockets = new Set<Socket>();
  const server = createServer((outside) => {
    const inside = connect(port, '127.0.0.1');
    for (const socket of [outside, inside]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    outside.on('error', () => inside.destroy());
    inside.on('connect', () => outside.pipe(inside).pipe(outside));
    inside.on('error', () => outside.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'));
  });
  await once(server.listen(own, '127.0.0.1'), 'listening');
  const closeTunnel = async () => {
    if (!server.listening) return;
    const closed = once(server.close(), 'close');
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: closeTunnel };
}

/** Everything that a voicemail needs on its way, and all that can happen to it. */
class Day {
  readonly receivers: Receiver[];
  readonly ids: unknown[] = [];
  readonly #keeper;
  readonly out: Transcript;
  readonly said: Transcript;

  private constructor(
    readonly platform: Platform,
    receiver: Receiver,
    public tunnel: Awaited<ReturnType<typeof openTunnel>>,
    public agent: NgrokAgent,
  ) {
    this.receivers = [receiver];
    const settings = { ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url, NGROK_API_URL: agent.url };
    const args = [program('scripts/keep'), '--every', '1s'];
    this.#keeper = run(process.execPath, args, { ...settings, PORT: String(receiver.port) });
    [this.out, this.said] = [new Transcript(this.#keeper.stdout), new Transcript(this.#keeper.stderr)];
  }

  static async start(): Promise<Day> {
    const [platform, receiver] = await Promise.all([startPlatform(), Receiver.start(CREDENTIALS)]);
    const way = await openTunnel(receiver.port);
    const agent = await startNgrokAgent({ tunnels: [tunnel(way.url, `localhost:${receiver.port}`)] });
    return new Day(platform, receiver, way, agent);
  }

  get receiver(): Receiver {
    return this.receivers.at(-1) ?? raise('no receiver');
  }

  async killReceiver(): Promise<void> {
    await this.receiver.end('SIGKILL');
  }

  async startReceiver(): Promise<void> {
    this.receivers.push(await Receiver.start({ ...CREDENTIALS, PORT: String(this.receiver.port) }));
  }

  async endNgrok(): Promise<void> {
    await Promise.all([this.tunnel.close(), this.agent.close()]);
  }

  async startNgrok(): Promise<void> {
    const { port } = this.receiver;
    this.tunnel = await openTunnel(port);
    const answer = { tunnels: [tunnel(this.tunnel.url, `localhost:${port}`)] };
    this.agent = await startNgrokAgent(answer, Number(new URL(this.agent.url).port));
  }

  /** Sends a signal to all programs, as to those of a machine that falls asleep or wakes up. */
  signal(name: NodeJS.Signals): void {
    this.#keeper.kill(name);
    this.receiver.child.kill(name);
  }

  /** Somebody calls. Resolves to the voicemail's id, and whether the receiver took it. */
  async call(): Promise<{ id: unknown; isTaken: boolean }> {
    const { message, deliveries } = await this.platform.leaveVoicemail();
    this.ids.push(message.id);
    return { id: message.id, isTaken: deliveries.some(({ accepted }) => accepted) };
  }

  /** Somebody calls, and the receiver does not get it. Resolves to the voicemail's id. */
  async missedCall(): Promise<unknown> {
    const { id, isTaken } = await this.call();
    expect(isTaken).toBe(false);
    return id;
  }

  /** Resolves once the keeper has logged a voicemail. */
  async isLogged(id: unknown): Promise<void> {
    await this.out.match(new RegExp(`"id":${String(id)},`));
  }

  /** Resolves once the keeper says something that it had not said before. */
  async says(pattern: RegExp, from = this.said.text.length): Promise<void> {
    await this.said.match(new RegExp(`^[^]{${from},}${pattern.source}`));
  }

  /** Ends the keeper. Resolves to its exit status. */
  async end(): Promise<unknown> {
    const ended = once(this.#keeper, 'close');
    this.#keeper.kill('SIGTERM');
    return (await ended)[0];
  }
}

function raise(message: string): never {
  throw new Error(message);
}

/** The ids of the voicemails in an output. */
function idsIn({ lines }: Transcript): unknown[] {
  return lines.map((line) => (JSON.parse(line) as { body: { id: unknown } }).body.id);
}

it('brings every voicemail of a bad day, and leaves one subscription', async () => {
  const day = await Day.start();
  const { platform } = day;
  close = () => day.endNgrok();
  await day.says(/Subscribed/, 0);
  expect(await day.call()).toMatchObject({ isTaken: true });
  // Beside the calls that are waited for, there are others all day.
  let isOver = false;
  const others = (async () => {
    for (; !isOver; await sleep(100)) await day.call();
  })();

  // The receiver crashes, and is there again before anybody looks.
  await day.killReceiver();
  let missed = await day.missedCall();
  await day.startReceiver();
  await day.isLogged(missed);

  // ngrok ends, and is started again.
  await day.endNgrok();
  missed = await day.missedCall();
  await day.says(/No ngrok agent/);
  await day.startNgrok();
  await day.says(/Subscribed/);
  await day.isLogged(missed);

  // RingCentral is away for its programs, and the receiver for RingCentral.
  platform.down = true;
  await day.killReceiver();
  missed = await day.missedCall();
  await day.startReceiver();
  await day.says(/RingCentral did not/);
  platform.down = false;
  await day.isLogged(missed);

  // The login ends, and somebody deletes the subscription.
  platform.endSessions();
  platform.subscriptions = [];
  missed = await day.missedCall();
  await day.isLogged(missed);

  // The laptop is closed, and the tunnel is down until just before it is opened again.
  day.signal('SIGSTOP');
  const { port } = new URL(day.tunnel.url);
  await day.tunnel.close();
  missed = await day.missedCall();
  await sleep(3500);
  day.tunnel = await openTunnel(day.receiver.port, Number(port));
  day.signal('SIGCONT');
  await day.isLogged(missed);

  // RingCentral gives up the receiver.
  platform.blacklistAfter = 2;
  await day.killReceiver();
  for (let calls = 0; calls < 2; calls++) missed = await day.missedCall();
  expect(platform.subscriptions).toMatchObject([{ status: 'Blacklisted' }]);
  await day.startReceiver();
  await day.isLogged(missed);

  isOver = true;
  await others;
  expect(await day.call()).toMatchObject({ isTaken: true });
  await day.receiver.stdout.match(new RegExp(`"id":${String(day.ids.at(-1))},`));
  expect(await day.end()).toBe(0);
  expect(platform.subscriptions).toMatchObject([
    { status: 'Active', deliveryMode: { address: `${day.tunnel.url}/webhook` } },
  ]);
  const kept = idsIn(day.out);
  expect(new Set(kept).size).toBe(kept.length);
  const received = day.receivers.flatMap(({ stdout }) => idsIn(stdout));
  expect(day.ids.filter((id) => !kept.includes(id) && !received.includes(id))).toEqual([]);
  // Each trouble is said once when it begins, and once when it ends.
  expect(day.said.lines.filter((line) => /No ngrok agent/.test(line))).toHaveLength(1);
  expect(day.said.text).toMatch(/RingCentral did not[^]*All is well again/);
  expect(platform.sessions).toBe(0);
});
