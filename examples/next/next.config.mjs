// Next leaves pino unbundled by itself; the stream behind it is to be left as it is, too.
export default { serverExternalPackages: ['@spillway/pino'] };
