// Receives requests that Tollgate sends to targets and callbacks, and verifies their signatures.
// Needs only Go's standard library.
//
//	WEBHOOK_SECRET=whsec_… go run receiver.go 8000
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxBytes  = 1 << 20
	tolerance = 5 * time.Minute
)

type receiver struct {
	secret []byte
	mutex  sync.Mutex
	// In production: a table with a unique key, written in the transaction that does the work.
	done map[string]bool
}

// isGenuine reports whether Tollgate signed these bytes with this id, within the tolerance.
func (r *receiver) isGenuine(header http.Header, body []byte) bool {
	sent, err := strconv.ParseInt(header.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(sent, 0)).Abs() > tolerance {
		return false
	}
	mac := hmac.New(sha256.New, r.secret)
	fmt.Fprintf(mac, "%s.%d.", header.Get("webhook-id"), sent)
	mac.Write(body)
	expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	// One signature per valid secret: two while a secret is rotated.
	for _, signature := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal([]byte(signature), expected) {
			return true
		}
	}
	return false
}

// work is your work. If it fails, Tollgate sends the message again.
func work(message map[string]any) error {
	_, err := fmt.Println(message["id"], message["status"])
	return err
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		w.Header().Set("allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBytes))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if !r.isGenuine(request.Header, body) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	id := request.Header.Get("webhook-id")
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.done[id] {
		return
	}
	var message map[string]any
	err = json.Unmarshal(body, &message)
	if err == nil {
		err = work(message)
	}
	if err != nil {
		log.Print(err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	r.done[id] = true
}

func main() {
	text := strings.TrimPrefix(os.Getenv("WEBHOOK_SECRET"), "whsec_")
	secret, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(secret) == 0 {
		log.Fatal("WEBHOOK_SECRET is not a webhook secret: whsec_…")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, &receiver{secret: secret, done: map[string]bool{}}))
}
