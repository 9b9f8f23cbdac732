// One OpenSearch node. In: its folder, HTTP and transport ports, further settings as key=value. Out: a node that ends on SIGTERM.
import java.util.Arrays;
import org.codelibs.opensearch.runner.OpenSearchRunner;

public final class OpenSearchNode {
  public static void main(String[] arguments) throws Exception {
    OpenSearchRunner runner = new OpenSearchRunner();
    runner.onBuild((number, settings) -> {
      settings.put("http.port", arguments[1]);
      settings.put("transport.port", arguments[2]);
      settings.putList("node.roles", "cluster_manager", "data", "ingest");
      // A full disk of the machine must not make indices read-only.
      settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
      for (String setting : Arrays.copyOfRange(arguments, 3, arguments.length)) {
        String[] parts = setting.split("=", 2);
        settings.put(parts[0], parts[1]);
      }
    });
    runner.build(OpenSearchRunner.newConfigs().basePath(arguments[0]).numOfNode(1).clusterName("spillway"));
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        runner.close();
      } catch (Exception error) {
        error.printStackTrace();
      }
    }));
    main.join();
  }
}
