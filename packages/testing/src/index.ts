// What the tests of every package share.

export { type BatchOfOptions, batchOf, linesOf } from './batch-of.js';
export { type Authority, authority, type Certificate } from './certificates.js';
export {
  type DocumentedReply,
  httpReply,
  sendSettings,
  type TransportContract,
  transportContract,
} from './contract.js';
export { logBatch, logLine } from './generators.js';
export { planted } from './planted.js';
export { type PeerConnection, type PeerOptions, type RecordingPeer, recordingPeer } from './recording-peer.js';
export {
  decompress,
  type RecordedRequest,
  type RecordingServer,
  recordingServer,
  type ScriptedReply,
  type ServerTls,
} from './recording-server.js';
export {
  ack,
  type Behaviour,
  type ScriptedDestination,
  type Stored,
  scriptedDestination,
} from './scripted-destination.js';
export { type Faults, noFaults, SimMachine, type SimProcess } from './sim-disk.js';
export { type SimRuntime, seededRandom, simRuntime } from './sim-runtime.js';
export { type SimSpoolOptions, startSpool } from './sim-spool.js';
export { type Scenario, type SimulationReport, simulateSpool } from './spool-simulation.js';
