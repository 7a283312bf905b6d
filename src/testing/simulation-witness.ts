/** Looks at the events of a simulation, and says what should never have been. */

import type { TransportEvent } from '../core/events.ts';
import type { HealthSnapshot } from '../core/types.ts';
import { hashOf } from './answer.ts';
import type { SimulatedCall } from './simulated-load.ts';
import { SimulationLog } from './simulation-log.ts';
import type { VirtualProvider } from './virtual-provider.ts';

/** Milliseconds after its deadline in which a call must have ended: time is rounded to whole ones. */
const graceMs = 2;
/** Attempts that a circuit lets through at once while it is not closed. */
const mostProbes = 1;
/** Documented: there are no events of calls that are malformed, and none once the transport is closed. */
const untold: ReadonlySet<string> = new Set(['invalid_request', 'closed']);
/** Of what is said more often than this, the rest is the same. */
const mostComplaints = 20;

interface OpenCall {
  /** `undefined`: none of the load's. */
  readonly call: SimulatedCall | undefined;
  /** Of its id. */
  readonly hash: number;
  /** Those that are under way: few. */
  readonly attempts: number[];
  /** Attempts that were begun. */
  sent: number;
}

/** How a call was told to have ended. */
interface Ending {
  readonly outcome: string;
  readonly sent: number;
}

interface Watch {
  circuit: 'closed' | 'open' | 'half-open';
  quarantined: boolean;
  /** Attempts under way. */
  inFlight: number;
  /** Attempts that were sent while the circuit was not closed, of which it does not know yet what to think. */
  readonly probes: Set<string>;
}

/** Keeps the balance of the events, call by call, and a number of all of them. */
export class Witness {
  readonly broken: string[] = [];
  readonly #calls: readonly SimulatedCall[];
  #seen = 0;
  /** Those that have not started yet. */
  readonly #byId = new Map<string, SimulatedCall>();
  readonly #open = new Map<string, OpenCall>();
  readonly #watches = new Map<string, Watch>();
  readonly #endings = new Map<SimulatedCall, Ending>();
  readonly #log = new SimulationLog();

  constructor(calls: readonly SimulatedCall[]) {
    this.#calls = calls;
  }

  /** The same for the same events. */
  get log(): string {
    return this.#log.text;
  }

  see(event: TransportEvent, at: number): void {
    const { transactionId } = event;
    if (event.type === 'call:start') this.#callStarts(transactionId);
    this.#log.add(event, this.#open.get(transactionId)?.hash ?? hashOf(transactionId));
    switch (event.type) {
      case 'call:end':
        return this.#callEnds(event, at);
      case 'attempt:start':
        return this.#attemptStarts(event, at);
      case 'attempt:answer':
        this.#watch(event.ledger.provider).probes.delete(`${transactionId}/${event.attempt}`);
        return;
      case 'attempt:end':
        return this.#attemptEnds(event);
      case 'provider:quarantine':
        this.#watch(event.provider).quarantined = true;
        return;
      case 'provider:release':
        this.#watch(event.provider).quarantined = false;
        return;
      case 'circuit:change': {
        const watch = this.#watch(event.provider);
        watch.circuit = event.to;
        // One that takes too long has failed, whether or not it is over.
        if (event.to !== 'half-open') watch.probes.clear();
        return;
      }
      default:
    }
  }

  /** Now and then: what the transport says of itself is what its events have said, and nobody is served whom it knows nothing of. */
  look(health: readonly HealthSnapshot[], providers: readonly VirtualProvider[], at: number): void {
    for (const [index, { name, inFlight, queued, window, circuit, quarantined }] of health.entries()) {
      const known = this.#watch(name);
      if (inFlight !== known.inFlight)
        this.#complain(`${name} has ${inFlight} in flight, and ${known.inFlight} by its events, at ${at}`);
      if (circuit !== known.circuit || quarantined !== known.quarantined)
        this.#complain(`${name} is ${circuit}${quarantined ? ', quarantined' : ''}, and not by its events, at ${at}`);
      if (!(queued >= 0 && window >= 1))
        this.#complain(`${name} has ${queued} queued for a window of ${window}, at ${at}`);
      const served = providers[index]?.inFlight ?? 0;
      if (served > inFlight) this.#complain(`${name} serves ${served} requests of ${inFlight} attempts, at ${at}`);
    }
  }

  /** When all calls have ended. */
  checkRest(health: readonly HealthSnapshot[], providers: readonly VirtualProvider[]): void {
    for (const { name, inFlight, queued } of health)
      if (inFlight !== 0 || queued !== 0)
        this.#complain(`${name} has ${inFlight} in flight and ${queued} queued at the end`);
    for (const { name, inFlight } of providers)
      if (inFlight !== 0) this.#complain(`${name} still serves ${inFlight} requests at the end`);
    for (const [transactionId] of this.#open) this.#complain(`${transactionId} has no call:end`);
    for (const call of this.#calls) this.#checkEnding(call);
  }

  #checkEnding(call: SimulatedCall): void {
    const { transactionId, outcome, attempts } = call;
    if (outcome === undefined) return;
    if (outcome === 'internal') this.#complain(`${transactionId} ended in internal`);
    const ending = this.#endings.get(call);
    if (ending === undefined) {
      if (!untold.has(outcome)) this.#complain(`${transactionId} ended in ${outcome}, and no event has said so`);
      return;
    }
    if (ending.outcome !== outcome)
      this.#complain(`${transactionId} ended in ${outcome}, and in ${ending.outcome} by its event`);
    if (ending.sent !== attempts.length)
      this.#complain(
        `${transactionId} has ${attempts.length} attempts in its ledger, and ${ending.sent} by its events`,
      );
  }

  #callStarts(transactionId: string): void {
    if (this.#open.has(transactionId)) this.#complain(`${transactionId} starts twice`);
    for (; this.#seen < this.#calls.length; this.#seen += 1) {
      const call = this.#calls[this.#seen] as SimulatedCall;
      this.#byId.set(call.transactionId, call);
    }
    const call = this.#byId.get(transactionId);
    this.#byId.delete(transactionId);
    this.#open.set(transactionId, { call, hash: hashOf(transactionId), attempts: [], sent: 0 });
  }

  #callEnds({ transactionId, outcome }: Extract<TransportEvent, { type: 'call:end' }>, at: number): void {
    const open = this.#open.get(transactionId);
    if (open === undefined) return this.#complain(`${transactionId} ends twice, or never started`);
    for (const attempt of open.attempts) this.#complain(`${transactionId}: attempt ${attempt} has no attempt:end`);
    this.#open.delete(transactionId);
    const { call, sent } = open;
    if (call === undefined) return;
    this.#endings.set(call, { outcome, sent });
    if (at > call.at + call.timeoutMs + graceMs)
      this.#complain(`${transactionId} ended ${at - call.at - call.timeoutMs} ms after its deadline`);
  }

  #attemptStarts(event: Extract<TransportEvent, { type: 'attempt:start' }>, at: number): void {
    const { transactionId, attempt } = event;
    const { provider } = event.ledger;
    const open = this.#open.get(transactionId);
    if (open === undefined) this.#complain(`${transactionId}: attempt ${attempt} starts outside its call`);
    else if (open.attempts.includes(attempt)) this.#complain(`${transactionId}: attempt ${attempt} starts twice`);
    else {
      open.attempts.push(attempt);
      open.sent += 1;
    }
    const call = open?.call;
    if (call !== undefined && at >= call.at + call.timeoutMs)
      this.#complain(`${transactionId}: attempt ${attempt} starts after the deadline`);
    const watch = this.#watch(provider);
    watch.inFlight += 1;
    if (watch.circuit === 'closed') return;
    watch.probes.add(`${transactionId}/${attempt}`);
    if (watch.probes.size > mostProbes)
      this.#complain(
        `${provider}: ${watch.probes.size} attempts at once while its circuit is ${watch.circuit}, at ${at}`,
      );
  }

  #attemptEnds({ transactionId, attempt, ledger }: Extract<TransportEvent, { type: 'attempt:end' }>): void {
    const watch = this.#watch(ledger.provider);
    watch.inFlight -= 1;
    watch.probes.delete(`${transactionId}/${attempt}`);
    const open = this.#open.get(transactionId);
    if (open === undefined) return this.#complain(`${transactionId}: attempt ${attempt} ends outside its call`);
    const index = open.attempts.indexOf(attempt);
    if (index === -1) return this.#complain(`${transactionId}: attempt ${attempt} ends without a start`);
    open.attempts.splice(index, 1);
  }

  #watch(provider: string): Watch {
    const known = this.#watches.get(provider);
    if (known !== undefined) return known;
    const watch: Watch = { circuit: 'closed', quarantined: false, inFlight: 0, probes: new Set() };
    this.#watches.set(provider, watch);
    return watch;
  }

  #complain(text: string): void {
    if (this.broken.length < mostComplaints) this.broken.push(text);
  }
}
