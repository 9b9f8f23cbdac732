// Graylog's GELF inputs without the rest of Graylog: its decoder of messages, its joiner of chunks, its frames, its HTTP
// handler, in the order in which its transports put them. In: ports and a file. Out: each message that Graylog would store,
// a line of JSON each, written before the next one is read. Prints "refused" and why for what it would drop.

import com.codahale.metrics.MetricRegistry;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.DatagramPacket;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpContentDecompressor;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.graylog2.inputs.codecs.GelfChunkAggregator;
import org.graylog2.inputs.codecs.GelfCodec;
import org.graylog2.inputs.transports.netty.HttpHandler;
import org.graylog2.inputs.transports.netty.LenientDelimiterBasedFrameDecoder;
import org.graylog2.plugin.Message;
import org.graylog2.plugin.MessageFactory;
import org.graylog2.plugin.configuration.Configuration;
import org.graylog2.plugin.inputs.codecs.CodecAggregator;
import org.graylog2.plugin.journal.RawMessage;
import org.joda.time.DateTime;

public final class GelfInput {
  /** Defaults of Graylog's inputs: `max_message_size` of the TCP one, `max_chunk_size` of the HTTP one. */
  private static final int MAX_FRAME_BYTES = 2 * 1024 * 1024;
  private static final int MAX_HTTP_BYTES = 64 * 1024;

  private final ObjectMapper json = new ObjectMapper();
  private final BufferedWriter out;
  private final GelfCodec codec;
  private final GelfChunkAggregator chunks =
      new GelfChunkAggregator(Executors.newSingleThreadScheduledExecutor(daemon()), new MetricRegistry());

  private GelfInput(Path file) throws Exception {
    out = Files.newBufferedWriter(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    codec = new GelfCodec(new Configuration(Map.of()), chunks, messages());
  }

  public static void main(String[] args) throws Exception {
    Map<String, String> options = new LinkedHashMap<>();
    for (int i = 0; i < args.length; i += 2) options.put(args[i], args[i + 1]);
    GelfInput input = new GelfInput(Path.of(options.get("--out")));
    SslContext tls =
        SslContextBuilder.forServer(new File(options.get("--cert")), new File(options.get("--key"))).build();
    input.warmUp();
    NioEventLoopGroup group = new NioEventLoopGroup(2);
    // In good order: what was begun is finished.
    Runtime.getRuntime().addShutdownHook(
        new Thread(() -> group.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly()));
    input.listen(group, options, "--tcp", (channel) -> channel.pipeline().addLast(frames(), input.sink("tcp", false)));
    input.listen(group, options, "--tls", (channel) -> channel.pipeline()
        .addLast(tls.newHandler(channel.alloc()), frames(), input.sink("tls", false)));
    input.listen(group, options, "--http", (channel) -> input.http(channel, "http", false));
    input.listen(group, options, "--bulk", (channel) -> input.http(channel, "bulk", true));
    new Bootstrap().group(group).channel(NioDatagramChannel.class)
        .option(ChannelOption.SO_RCVBUF, 4 * 1024 * 1024)
        .option(ChannelOption.RCVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(65_535))
        .handler(input.datagrams())
        .bind("127.0.0.1", Integer.parseInt(options.get("--tcp"))).sync();
    System.out.println("ready");
  }

  /** The first messages take seconds, until all is loaded: a receiver that has been up for a while does not stall so. */
  private void warmUp() throws Exception {
    String sample = "{\"version\":\"1.1\",\"host\":\"h\",\"short_message\":\"m\",\"timestamp\":1.5,\"level\":6,\"_n\":1}";
    byte[] payload = sample.getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < 5000; i++) json.writeValueAsString(fieldsOf(codec.decode(new RawMessage(payload))));
  }

  private void listen(NioEventLoopGroup group, Map<String, String> options, String port, Consumer<Channel> wire)
      throws Exception {
    new ServerBootstrap().group(group).channel(NioServerSocketChannel.class)
        .childHandler(new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel channel) {
            wire.accept(channel);
          }
        })
        .bind("127.0.0.1", Integer.parseInt(options.get(port))).sync();
  }

  private static ChannelHandler frames() {
    return new LenientDelimiterBasedFrameDecoder(MAX_FRAME_BYTES, Unpooled.wrappedBuffer(new byte[] {0}));
  }

  private void http(Channel channel, String input, boolean bulk) {
    channel.pipeline().addLast(
        new HttpServerCodec(),
        new HttpContentDecompressor(),
        new HttpObjectAggregator(MAX_HTTP_BYTES),
        new HttpHandler(false, null, null, "/gelf"),
        sink(input, bulk));
  }

  /** Takes payloads; with bulk receiving each line is one. */
  private ChannelHandler sink(String input, boolean bulk) {
    return new SimpleChannelInboundHandler<ByteBuf>() {
      @Override
      protected void channelRead0(ChannelHandlerContext context, ByteBuf payload) throws IOException {
        byte[] bytes = ByteBufUtil.getBytes(payload);
        if (!bulk) store(input, bytes);
        else for (String line : new String(bytes, StandardCharsets.UTF_8).split("\n")) {
          if (!line.isBlank()) store(input, line.getBytes(StandardCharsets.UTF_8));
        }
      }

      @Override
      public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        System.out.println("closed: " + cause);
        context.close();
      }
    };
  }

  private ChannelHandler datagrams() {
    return new SimpleChannelInboundHandler<DatagramPacket>() {
      @Override
      protected void channelRead0(ChannelHandlerContext context, DatagramPacket packet) throws IOException {
        CodecAggregator.Result result = chunks.addChunk(packet.content().retain());
        if (result.getMessage() != null) store("udp", ByteBufUtil.getBytes(result.getMessage()));
      }
    };
  }

  private synchronized void store(String input, byte[] payload) throws IOException {
    Message message;
    try {
      message = codec.decode(new RawMessage(payload));
    } catch (RuntimeException refused) {
      System.out.println("refused: " + refused.getMessage());
      return;
    }
    out.write(json.writeValueAsString(Map.of("input", input, "fields", fieldsOf(message))));
    out.write('\n');
    out.flush();
  }

  private static Map<String, Object> fieldsOf(Message message) {
    Map<String, Object> fields = new LinkedHashMap<>(message.getFields());
    fields.remove(Message.FIELD_ID);
    fields.put("timestamp", ((DateTime) fields.get("timestamp")).getMillis());
    return fields;
  }

  /** Makes messages as Graylog does; its constructors are its own package's. */
  private static MessageFactory messages() throws Exception {
    var constructor = Message.class.getDeclaredConstructor(String.class, String.class, DateTime.class);
    constructor.setAccessible(true);
    return (MessageFactory) java.lang.reflect.Proxy.newProxyInstance(
        GelfInput.class.getClassLoader(),
        new Class<?>[] {MessageFactory.class},
        (proxy, method, given) -> constructor.newInstance(given));
  }

  private static ThreadFactory daemon() {
    return (task) -> {
      Thread thread = new Thread(task);
      thread.setDaemon(true);
      return thread;
    };
  }
}
