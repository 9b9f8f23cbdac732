// Request logging for NestJS 10 and later, on Express and on Fastify, as a module. In: requests. Out: one record each with the
// route's template, its controller and handler, and the context for every line logged meanwhile.
// Nest is not imported: a module is a class with `configure`, and a dynamic module is data.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  CallHandler,
  DynamicModule,
  ExceptionFilter,
  ExecutionContext,
  FactoryProvider,
  MiddlewareConsumer,
  NestInterceptor,
} from '@nestjs/common';
import { recordError } from './context/current.js';
import { NestLogger } from './nest-logger.js';
import { bindBody, dress, nodeReader, opened } from './node-request.js';
import type { ExchangeReader } from './request/exchange.js';
import type { RequestLogOptions } from './request/options.js';
import { RequestLog } from './request/request-log.js';
import { storage } from './shared.js';

export { NestLogger } from './nest-logger.js';
export type { LoggedRequest } from './node-request.js';
export type { RequestLogger, RequestLogOptions } from './request/options.js';

type Routes = Parameters<ReturnType<MiddlewareConsumer['apply']>['forRoutes']>;
type Excluded = Parameters<ReturnType<MiddlewareConsumer['apply']>['exclude']>;

/** How requests of Nest are logged. Functions among the options get the requests and responses of node:http. */
export interface NestRequestLogOptions extends RequestLogOptions<IncomingMessage, ServerResponse> {
  /**
   * Routes whose requests are logged, as for `MiddlewareConsumer.forRoutes`.
   * @default all
   */
  readonly forRoutes?: Routes;
  /** Routes whose requests have neither record nor context, as for `MiddlewareConsumer.exclude`. */
  readonly exclude?: Excluded;
}

/** Options that come from providers. */
export interface NestRequestLogAsyncOptions extends Pick<FactoryProvider, 'inject'> {
  readonly imports?: NonNullable<DynamicModule['imports']>;
  readonly useFactory: (...args: never[]) => NestRequestLogOptions | Promise<NestRequestLogOptions>;
}

interface Routed {
  readonly baseUrl?: string;
  readonly route?: { readonly path?: unknown };
  readonly ip?: string;
}

const reader: ExchangeReader<IncomingMessage, ServerResponse> = {
  ...nodeReader,
  route: (req) => {
    const { route, baseUrl = '' } = req as Routed;
    return typeof route?.path === 'string' ? baseUrl + route.path : undefined;
  },
  remoteAddress: (req) => (req as Routed).ip ?? req.socket?.remoteAddress,
};

/** What the parts of one module share, filled when its options are known. */
interface Cell {
  log?: RequestLog<IncomingMessage, ServerResponse>;
  options?: NestRequestLogOptions;
}

const READY = Symbol.for('@spillway/middleware:nest-ready');

function moduleOf(
  imports: NonNullable<DynamicModule['imports']>,
  options: Omit<FactoryProvider, 'provide'>,
): DynamicModule {
  const cell: Cell = {};
  const ready: FactoryProvider = {
    provide: READY,
    ...(options.inject === undefined ? undefined : { inject: options.inject }),
    useFactory: async (...args: unknown[]) => {
      const { forRoutes, exclude, ...own } = (await options.useFactory(...args)) as NestRequestLogOptions;
      cell.options = { ...(forRoutes && { forRoutes }), ...(exclude && { exclude }) };
      cell.log = new RequestLog(own, reader);
      return cell;
    },
  };
  return {
    // A class of its own each time: Nest knows modules by their classes, and these differ in what they share.
    module: class RequestLogModule {
      configure(consumer: MiddlewareConsumer): void {
        const applied = consumer.apply(middleware(cell));
        const { exclude, forRoutes } = cell.options ?? {};
        (exclude === undefined ? applied : applied.exclude(...exclude)).forRoutes(...(forRoutes ?? ['*']));
      }
    },
    global: true,
    imports,
    providers: [
      ready,
      { provide: NestLogger, inject: [READY], useFactory: () => new NestLogger(cell.log!.logger) },
      // The tokens by which Nest knows interceptors and filters of the whole application.
      { provide: 'APP_INTERCEPTOR', inject: [READY], useFactory: interceptor },
      { provide: 'APP_FILTER', useFactory: onlooker },
    ],
    exports: [NestLogger],
  };
}

function middleware(cell: Cell) {
  return (req: IncomingMessage, res: ServerResponse, next: () => void): void => {
    const log = cell.log!;
    const raw = { req, res };
    const context = opened(log, raw, raw);
    if (context === undefined) {
      next();
      return;
    }
    dress(req, context, log);
    bindBody(req, context);
    storage.run(context, next);
  };
}

/** Learns what only Nest knows of a request: its handler, Fastify's template of the route, what was thrown. */
function interceptor(): NestInterceptor {
  return {
    intercept(execution: ExecutionContext, next: CallHandler) {
      const context = storage.getStore()?.root;
      const handled = next.handle();
      if (context === undefined || execution.getType() !== 'http') return handled;
      const request = execution.switchToHttp().getRequest<{ routeOptions?: { url?: string } }>();
      context.route ??= request.routeOptions?.url;
      context.addToRecord({ controller: execution.getClass().name, handler: execution.getHandler().name });
      return watched(handled, (error) => {
        context.error ??= error;
      });
    },
  };
}

type Handled = ReturnType<CallHandler['handle']>;

/** The same observable, with its error seen. */
function watched(source: Handled, onError: (error: unknown) => void): Handled {
  const Source = source.constructor as new (subscribe: (to: Observer) => unknown) => Handled;
  return new Source((to) =>
    source.subscribe({
      next: (value: unknown) => to.next(value),
      error: (error: unknown) => {
        onError(error);
        to.error(error);
      },
      complete: () => to.complete(),
    }),
  );
}

interface Observer {
  next(value: unknown): void;
  error(error: unknown): void;
  complete(): void;
}

/** The key under which Nest keeps the classes that a filter catches. */
const CAUGHT = '__filterCatchExceptions__';

/**
 * A filter that catches nothing, and sees what is thrown around interceptors, as by guards and middleware: Nest asks the classes
 * of each filter whether an error is of theirs, and the class of this one has a look at it and says no.
 */
function onlooker(): ExceptionFilter {
  const looked = {
    [Symbol.hasInstance](error: unknown): boolean {
      recordError(error);
      return false;
    },
  };
  class Onlooker implements ExceptionFilter {
    catch(error: unknown): never {
      throw error;
    }
  }
  (Reflect as unknown as Metadata).defineMetadata(CAUGHT, [looked], Onlooker);
  return new Onlooker();
}

/** What `reflect-metadata`, which Nest loads, adds to `Reflect`. */
interface Metadata {
  defineMetadata(key: string, value: unknown, target: object): void;
}

/**
 * The module; import it once, in the root module. It logs requests and provides `NestLogger`.
 * @example
 * @Module({ imports: [RequestLogModule.forRoot({ logger })] })
 * export class AppModule {}
 */
export const RequestLogModule = {
  /**
   * The module with given options.
   * @throws when the application starts, with the code `SPILLWAY_OPTIONS_INVALID`
   */
  forRoot(options: NestRequestLogOptions = {}): DynamicModule {
    return moduleOf([], { useFactory: () => options });
  },
  /** The module with options that come from providers, as from a configuration service. */
  forRootAsync({ imports = [], inject, useFactory }: NestRequestLogAsyncOptions): DynamicModule {
    return moduleOf(imports, { ...(inject && { inject }), useFactory: useFactory as FactoryProvider['useFactory'] });
  },
};
