// The others, at the settings that suit them best as far as we found: large batches every 200 ms, buffers that hold the
// whole burst, protobuf where it is cheaper, no compression. At their defaults several lose most of a burst.

import { hostname } from 'node:os';
import { loadPeer, peerPath } from '../peers.mjs';
import { inWorker } from './worker.mjs';

const buffered = 1_000_000;
const batch = {
  maxQueueSize: buffered,
  maxExportBatchSize: 5000,
  scheduledDelayMillis: 200,
  exportTimeoutMillis: 60_000,
};
const exporter = (url) => ({ url: `${url}/v1/logs`, timeoutMillis: 60_000 });
/** Adds what pino adds to each line, for loggers that do not. */
const origin = { pid: process.pid, hostname: hostname() };

const workers = {
  'pino-loki': ({ url }) => ({
    host: url,
    labels: { app: 'bench' },
    batching: { interval: 0.2, maxBufferSize: buffered },
  }),
  'pino-elasticsearch': ({ url }) => ({
    node: url,
    index: 'logs',
    esVersion: 8,
    flushBytes: 1_000_000,
    flushInterval: 1000,
  }),
  'pino-opentelemetry-transport': ({ url }) => ({
    loggerName: 'bench',
    serviceVersion: '1.0.0',
    resourceAttributes: { 'service.name': 'bench' },
    logRecordProcessorOptions: {
      recordProcessorType: 'batch',
      processorConfig: batch,
      exporterOptions: { protocol: 'http/protobuf', protobufExporterOptions: exporter(url) },
    },
  }),
};

const starts = {
  async 'OpenTelemetry SDK'({ url }) {
    const provider = await loggerProvider(url);
    const logger = provider.getLogger('bench');
    const info = (bindings) => (fields, body) =>
      logger.emit({
        timestamp: Date.now(),
        severityNumber: 9,
        severityText: 'INFO',
        body,
        attributes: { ...bindings, ...fields },
      });
    const log = { info: info(), child: (bindings) => ({ info: info(bindings) }) };
    return { log, flush: () => provider.forceFlush(), close: () => provider.shutdown() };
  },
  async 'winston-loki'({ url }) {
    const { default: winston } = await loadPeer('winston');
    const { default: LokiTransport } = await loadPeer('winston-loki');
    const format = winston.format.json();
    const transport = new LokiTransport({
      host: url,
      labels: { app: 'bench' },
      format,
      json: false,
      interval: 0.2,
      batching: true,
      replaceTimestamp: false,
      onConnectionError() {},
    });
    const logger = winston.createLogger({ format, defaultMeta: origin, transports: [transport] });
    const wrap = (own) => ({
      info: (fields, message) => own.info(message, fields),
      child: (bindings) => wrap(own.child(bindings)),
    });
    return { log: wrap(logger), flush: () => transport.flush(), close: () => transport.close() };
  },
  async LogTape({ url }) {
    const { configure, dispose, getLogger } = await loadPeer('@logtape/logtape');
    const { getOpenTelemetrySink } = await loadPeer('@logtape/otel');
    const provider = await loggerProvider(url);
    await configure({
      sinks: { otel: getOpenTelemetrySink({ loggerProvider: provider }) },
      loggers: [
        { category: 'bench', sinks: ['otel'], lowestLevel: 'info' },
        { category: ['logtape', 'meta'], lowestLevel: 'fatal', sinks: [] },
      ],
    });
    const wrap = (own) => ({
      info: (fields, message) => own.info(message, fields),
      child: (bindings) => wrap(own.with(bindings)),
    });
    return { log: wrap(getLogger('bench')), flush: () => provider.forceFlush(), close: dispose };
  },
  async LogLayer({ url }) {
    const { LogLayer } = await loadPeer('loglayer');
    const { HttpTransport } = await loadPeer('@loglayer/transport-http');
    const transport = new HttpTransport({
      url: `${url}/logs`,
      batchContentType: 'application/x-ndjson',
      batchSize: 5000,
      batchSendTimeout: 200,
      maxRetries: 3,
      // Its own compression never ends with batches above 64 KiB.
      compression: false,
      maxLogSize: 2 ** 21,
      maxPayloadSize: 2 ** 23,
      onError() {},
      payloadTemplate: ({ logLevel, message, data }) =>
        JSON.stringify({ level: logLevel, time: Date.now(), ...origin, ...data, msg: message }),
    });
    const wrap = (own) => ({
      info: (fields, message) => own.withMetadata(fields).info(message),
      child: (bindings) => wrap(own.child().withContext(bindings)),
    });
    // It has no flush: it sends what is left after its timeout.
    return { log: wrap(new LogLayer({ transport })), flush: async () => {}, close: async () => {} };
  },
  async evlog({ url }) {
    const { initLogger, log } = await loadPeer('evlog');
    const { createDrainPipeline } = await loadPeer('evlog/pipeline');
    const { createLokiDrain } = await loadPeer('evlog/loki');
    const pipeline = createDrainPipeline({
      batch: { size: 5000, intervalMs: 200 },
      maxBufferSize: buffered,
      retry: { maxAttempts: 5 },
    });
    const drain = pipeline(createLokiDrain({ endpoint: url, timeout: 60_000 }));
    initLogger({ env: { service: 'bench' }, silent: true, pretty: false, redact: false, drain });
    const info = (bindings) => (fields, message) => log.info({ ...bindings, ...origin, ...fields, message });
    return {
      log: { info: info(), child: (bindings) => ({ info: info(bindings) }) },
      flush: () => drain.flush(),
      close: async () => {},
    };
  },
};

async function loggerProvider(url) {
  const { BatchLogRecordProcessor, LoggerProvider } = await loadPeer('@opentelemetry/sdk-logs');
  const { OTLPLogExporter } = await loadPeer('@opentelemetry/exporter-logs-otlp-proto');
  const processor = new BatchLogRecordProcessor({ exporter: new OTLPLogExporter(exporter(url)), ...batch });
  return new LoggerProvider({ processors: [processor] });
}

/** Where it is longer than the scenario's: winston-loki tries again a minute after a failure. */
const patienceMs = { 'winston-loki': 70_000 };
const peer = (name, start) => ({ name, group: 'peer', ships: true, patienceMs: patienceMs[name], start });

export const peers = [
  ...Object.entries(workers).map(([name, options]) =>
    peer(name, (context) => inWorker(peerPath(name), options)(context)),
  ),
  ...Object.entries(starts).map(([name, start]) => peer(name, start)),
];
