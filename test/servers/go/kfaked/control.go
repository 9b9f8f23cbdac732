// The control port. In: requests of a test. Out: faults in the cluster, records of a topic.
package main

import (
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var errDropped = errors.New("dropped on request")

func controls(cluster *kfake.Cluster, reader consumerSettings) http.Handler {
	mux := http.NewServeMux()
	var lock sync.Mutex
	var faults []*kfake.FaultHandle
	mux.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /records", func(w http.ResponseWriter, r *http.Request) {
		if err := writeRecords(r.Context(), w, cluster, reader, r.FormValue("topic")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	// The next produce requests are answered with an error code of Kafka.
	mux.HandleFunc("POST /fault", func(_ http.ResponseWriter, r *http.Request) {
		fault := kfake.Fault{
			Keys:  []kmsg.Key{kmsg.Produce},
			Err:   kerr.TypedErrorForCode(int16(number(r, "code"))),
			Count: number(r, "count"),
		}
		lock.Lock()
		defer lock.Unlock()
		faults = append(faults, cluster.Fault(fault))
	})
	mux.HandleFunc("DELETE /faults", func(http.ResponseWriter, *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		for _, fault := range faults {
			fault.Remove()
		}
		faults = nil
	})
	// The next produce requests are read and then lose their connection.
	mux.HandleFunc("POST /drop", func(_ http.ResponseWriter, r *http.Request) {
		for range number(r, "count") {
			cluster.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
				return nil, errDropped, true
			})
		}
	})
	return mux
}

func number(r *http.Request, name string) int {
	value, _ := strconv.Atoi(r.FormValue(name))
	return value
}
