// rsyslog as an agent: it follows the file and posts the lines, as they are, as documents of a bulk request.

import { join } from 'node:path';

export const rsyslog = {
  server: 'rsyslog',
  config: ({ file, url, work }) => `
global(workDirectory="${work}" maxMessageSize="2m")
module(load="imfile" mode="inotify")
module(load="omelasticsearch")
template(name="line" type="string" string="%msg%")
ruleset(name="ship") {
  action(type="omelasticsearch" server="${url.hostname}" serverport="${url.port}" usehttps="off"
    searchIndex="logs" searchType="" bulkmode="on" maxbytes="5m" template="line" action.resumeRetryCount="-1"
    queue.type="linkedList" queue.size="100000" queue.dequeueBatchSize="5000" queue.workerThreads="1")
}
input(type="imfile" file="${file}" tag="app" ruleset="ship" freshStartTail="off")
`,
  command({ directory, config, work }) {
    const libraries = join(directory, 'usr/lib', process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu');
    const env = { LD_LIBRARY_PATH: `${libraries}:${libraries.replace('/usr/lib/', '/lib/')}` };
    const args = ['-n', '-f', config, '-i', join(work, 'pid'), '-M', join(libraries, 'rsyslog')];
    return { command: join(directory, 'usr/sbin/rsyslogd'), args, env };
  },
};
