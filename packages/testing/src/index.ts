// What the tests of every package share.

export {
  ack,
  type Behaviour,
  type ScriptedDestination,
  type Stored,
  scriptedDestination,
} from './scripted-destination.js';
export { type SimRuntime, seededRandom, simRuntime } from './sim-runtime.js';
