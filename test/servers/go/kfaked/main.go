// A Kafka cluster in memory, with its data on disk, for tests. In: flags. Out: brokers on the given ports, and a control
// port over HTTP: `GET /ready`, `GET /records?topic=`, `POST /fault?code=&count=`, `POST /drop?count=`, `DELETE /faults`.
// Always true: records are read back by a consumer over the network, as any application would read them.
package main

import (
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	ports := flag.String("ports", "", "a port for each broker, separated by commas")
	control := flag.String("control", "", "address of the control port")
	data := flag.String("data", "", "folder of the brokers' data")
	topics := flag.String("topics", "logs", "topics that exist from the start, separated by commas")
	partitions := flag.Int("partitions", 1, "partitions of a topic")
	maxMessageBytes := flag.Int("max-message-bytes", 1_048_588, "most bytes of a record batch")
	user := flag.String("sasl", "", "user:password; with it every client must log in (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512)")
	flag.Parse()

	options := []kfake.Opt{
		kfake.Ports(numbers(*ports)...),
		kfake.NumBrokers(len(numbers(*ports))),
		kfake.DefaultNumPartitions(*partitions),
		kfake.SeedTopics(int32(*partitions), strings.Split(*topics, ",")...),
		kfake.AllowAutoTopicCreation(),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": strconv.Itoa(*maxMessageBytes)}),
		kfake.DataDir(filepath.Join(*data, "brokers")),
		kfake.WithLogger(kfake.BasicLogger(os.Stderr, kfake.LogLevelWarn)),
	}
	name, password, secured := strings.Cut(*user, ":")
	if secured {
		options = append(options, kfake.EnableSASL())
		for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
			options = append(options, kfake.Superuser(mechanism, name, password))
		}
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		log.Fatal(err)
	}
	reader := consumerSettings{seeds: cluster.ListenAddrs(), user: name, password: password}
	server := &http.Server{Addr: *control, Handler: controls(cluster, reader)}
	go closeOnSignal(server)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	cluster.Close()
}

func closeOnSignal(server *http.Server) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	<-signals
	_ = server.Close()
}

func numbers(list string) []int {
	var found []int
	for _, text := range strings.Split(list, ",") {
		number, err := strconv.Atoi(text)
		if err != nil {
			log.Fatalf("-ports: %v", err)
		}
		found = append(found, number)
	}
	return found
}
