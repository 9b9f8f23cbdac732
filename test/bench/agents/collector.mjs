// The OpenTelemetry Collector as an agent: it follows the file and sends each line as the body of a log record; or, as it is
// set up for structured logs, it parses the line and makes attributes, time and severity of it.

import { join } from 'node:path';

const parse = `
    operators:
      - type: json_parser
        timestamp: { parse_from: attributes.time, layout_type: epoch, layout: ms }
        severity: { parse_from: attributes.level, mapping: { debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } }
      - { type: move, from: attributes.msg, to: body }`;

function collectorThat(operators) {
  return {
    server: 'otelcol',
    config: ({ file, url }) => `
receivers:
  filelog:
    include: [${file}]
    start_at: beginning${operators}
exporters:
  otlp_http:
    endpoint: ${url.origin}
    compression: none
    sending_queue:
      batch: { flush_timeout: 200ms, min_size: 5000, max_size: 10000 }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
    logs: { receivers: [filelog], exporters: [otlp_http] }
`,
    command: ({ directory, config }) => ({ command: join(directory, 'otelcol'), args: ['--config', config], env: {} }),
  };
}

/** Lines go as they are. */
export const collector = collectorThat('');

/** Lines are parsed. */
export const parsingCollector = collectorThat(parse);
