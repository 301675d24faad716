// Command add-shim is `POST /add`, as Tessera's hammer writes, in front of the audit ledger. It
// belongs to the harness alone. Each request becomes one intent of a service (bridge), published as
// the relay of a service publishes: what waits is packed, at most 64 to a message. A request is
// answered with its index in the log when the ledger has announced the entry: it is sealed, durable
// and in its chain's order then.
//
// It reads its order as one line of JSON, prints its URL as one line, and ends with its input.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

const (
	packedMax = 64
	// Messages on their way to the stream. A relay has one; with more than two they only become
	// smaller.
	publishers = 2
	// More is pushed back, as Tessera does it (DefaultPushbackMaxOutstanding).
	waitingMax   = 4096
	leafBytesMax = 32_768
	publishMax   = 5 * time.Second
	sealMax      = 30 * time.Second
	chains       = 8
	isoMillis    = "2006-01-02T15:04:05.000Z"
)

type order struct {
	NatsURL    string `json:"natsUrl"`
	BridgeSeed string `json:"bridgeSeed"`
	AdminSeed  string `json:"adminSeed"`
	// Producers number their intents without a hole.
	FirstNumber int `json:"firstNumber"`
}

type actor struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
}

type payload struct {
	Leaf string `json:"leaf"`
}

type intent struct {
	ID          string  `json:"id"`
	Number      int     `json:"number"`
	Chain       string  `json:"chain"`
	Time        string  `json:"time"`
	Actor       actor   `json:"actor"`
	Action      string  `json:"action"`
	Target      string  `json:"target"`
	Phase       string  `json:"phase"`
	Traceparent string  `json:"traceparent"`
	Payload     payload `json:"payload"`
}

// An answer to one who waits: the index in the log, or why there is none.
type answer struct {
	index int64
	err   error
}

// Everybody who waits for an answer: first for a place in a message, then for the announcement.
type adding struct {
	stream jetstream.JetStream
	// Of every intent that is not published yet, in the order of their numbers.
	queue chan intent

	mutex  sync.Mutex
	number int
	waits  map[string]chan answer
}

// Gives the leaf its number and its place, or nothing when too much is waiting.
func (a *adding) enqueue(leaf string) (string, chan answer) {
	id := uuid.Must(uuid.NewV7()).String()
	waiting := make(chan answer, 1)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if len(a.waits) >= waitingMax {
		return "", nil
	}
	select {
	case a.queue <- intentOf(id, a.number, leaf):
	default:
		// Full of those who no longer wait.
		return "", nil
	}
	a.waits[id] = waiting
	a.number++
	return id, waiting
}

func (a *adding) settle(id string, with answer) {
	a.mutex.Lock()
	waiting := a.waits[id]
	delete(a.waits, id)
	a.mutex.Unlock()
	if waiting != nil {
		waiting <- with
	}
}

func (a *adding) publishAll() {
	for first := range a.queue {
		packed := a.pack(first)
		if err := a.publish(packed); err != nil {
			// Whether the stream has it is not known. The hammer asks again, as another event.
			for _, one := range packed {
				a.settle(one.ID, answer{err: fmt.Errorf("not published: %w", err)})
			}
		}
	}
}

// What waits behind the first one, as much as a message takes.
func (a *adding) pack(first intent) []intent {
	packed := []intent{first}
	for len(packed) < packedMax {
		select {
		case next := <-a.queue:
			packed = append(packed, next)
		default:
			return packed
		}
	}
	return packed
}

func (a *adding) publish(packed []intent) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string][]intent{"intents": packed}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), publishMax)
	defer cancel()
	msgID := jetstream.WithMsgID(packed[len(packed)-1].ID)
	_, err := a.stream.Publish(ctx, "aud.bridge.v1.append", body.Bytes(), msgID)
	return err
}

// An event of the producer whose payload is the leaf: its entry has about 500 bytes.
func intentOf(id string, number int, leaf string) intent {
	return intent{
		ID:          id,
		Number:      number,
		Chain:       fmt.Sprintf("tenant-%d", number%chains),
		Time:        time.Now().UTC().Format(isoMillis),
		Actor:       actor{ID: "agent:a-writer-of-letters", Kind: "agent"},
		Action:      "message.accepted",
		Target:      "message:" + id,
		Phase:       "fact",
		Traceparent: "00-" + strings.ReplaceAll(id, "-", "") + "-00f067aa0ba902b7-01",
		Payload:     payload{Leaf: leaf},
	}
}

func (a *adding) onSealed(message *nats.Msg) {
	var sealed struct {
		Entries []struct {
			ID    string `json:"id"`
			Index int64  `json:"index"`
		} `json:"entries"`
	}
	if err := json.Unmarshal(message.Data, &sealed); err != nil {
		log.Fatalf("an announcement cannot be read: %v", err)
	}
	for _, entry := range sealed.Entries {
		a.settle(entry.ID, answer{index: entry.Index})
	}
}

func (a *adding) serveAdd(response http.ResponseWriter, request *http.Request) {
	leaf, err := io.ReadAll(http.MaxBytesReader(response, request.Body, leafBytesMax))
	if err != nil {
		http.Error(response, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	// A hammer's leaves are text; what is not UTF-8 is not passed on in another form.
	if !utf8.Valid(leaf) {
		http.Error(response, "the leaf is not UTF-8", http.StatusBadRequest)
		return
	}
	id, waiting := a.enqueue(string(leaf))
	if waiting == nil {
		http.Error(response, "too much is waiting", http.StatusServiceUnavailable)
		return
	}
	late := time.NewTimer(sealMax)
	defer late.Stop()
	select {
	case sealed := <-waiting:
		if sealed.err != nil {
			http.Error(response, sealed.err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(response, sealed.index)
	case <-late.C:
		a.settle(id, answer{})
		http.Error(response, "not sealed in time", http.StatusGatewayTimeout)
	}
}

func connect(url, seed, inboxPrefix string) (*nats.Conn, error) {
	pair, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		return nil, err
	}
	user, err := pair.PublicKey()
	if err != nil {
		return nil, err
	}
	return nats.Connect(url, nats.Nkey(user, pair.Sign), nats.CustomInboxPrefix(inboxPrefix))
}

func run(told order) error {
	bridge, err := connect(told.NatsURL, told.BridgeSeed, "_INBOX_bridge")
	if err != nil {
		return err
	}
	stream, err := jetstream.New(bridge)
	if err != nil {
		return err
	}
	admin, err := connect(told.NatsURL, told.AdminSeed, "_INBOX")
	if err != nil {
		return err
	}
	adding := &adding{
		stream: stream,
		queue:  make(chan intent, waitingMax),
		number: told.FirstNumber,
		waits:  make(map[string]chan answer),
	}
	_, err = admin.Subscribe("live.evt.audit-ledger.v1.entries-sealed", adding.onSealed)
	if err != nil {
		return err
	}
	if err := admin.Flush(); err != nil {
		return err
	}
	for range publishers {
		go adding.publishAll()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /add", adding.serveAdd)
	fmt.Printf("http://%s/\n", listener.Addr())
	return http.Serve(listener, routes)
}

func main() {
	input := bufio.NewReader(os.Stdin)
	line, err := input.ReadBytes('\n')
	if err != nil {
		log.Fatalf("no order: %v", err)
	}
	var told order
	if err := json.Unmarshal(line, &told); err != nil {
		log.Fatalf("the order cannot be read: %v", err)
	}
	go func() {
		// Its parent is gone, or wants it to end.
		_, _ = io.Copy(io.Discard, input)
		os.Exit(0)
	}()
	log.Fatal(run(told))
}
