// Command witness is a witness of C2SP tlog-witness, built from transparency-dev's own formats and merkle modules.
//
// Usage: witness serve <file with the log's vkey> <file for its own vkey and URL>
//
//	witness judge <policy> <file with the log's vkey> <note>
//
// serve cosigns what is consistent with what it cosigned before, and keeps that in memory only. judge tells
// whether a note is signed by the log and cosigned by the policy's quorum.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/transparency-dev/formats/log"
	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/witness"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

const (
	name         = "witness.example.org/go"
	bodyBytesMax = 16 << 10
)

type server struct {
	logVerifier note.Verifier
	signer      *f_note.Signer
	mu          sync.Mutex
	size        uint64
	root        []byte
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(words []string) error {
	switch {
	case len(words) == 3 && words[0] == "serve":
		return serve(words[1], words[2])
	case len(words) == 4 && words[0] == "judge":
		return judge(words[1], words[2], words[3])
	}
	return errors.New("usage: witness serve <vkey file> <out> | witness judge <policy> <vkey file> <note>")
}

func readVerifier(file string) (note.Verifier, error) {
	vkey, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(strings.TrimSpace(string(vkey)))
}

func serve(vkeyFile, out string) error {
	logVerifier, err := readVerifier(vkeyFile)
	if err != nil {
		return err
	}
	skey, vkey, err := newKey()
	if err != nil {
		return err
	}
	signer, err := f_note.NewSignerForCosignatureV1(skey)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &server{logVerifier: logVerifier, signer: signer}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", s.addCheckpoint)
	mux.HandleFunc("GET /size", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		fmt.Fprintf(w, "%d\n", s.size)
	})
	text := fmt.Sprintf("%s\nhttp://%s\n", vkey, listener.Addr())
	// Under its name only when it is whole: whoever waits for it reads it at once.
	if err := os.WriteFile(out+".draft", []byte(text), 0o600); err != nil {
		return err
	}
	if err := os.Rename(out+".draft", out); err != nil {
		return err
	}
	return http.Serve(listener, mux)
}

// newKey makes a fresh key: the signer's as Go writes it, and the verifier's of type 4.
func newKey() (string, string, error) {
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", "", err
	}
	cosigning, err := f_note.VKeyToCosignatureV1(vkey)
	return skey, cosigning, err
}

// addCheckpoint answers as tlog-witness says, in its order of checks.
func (s *server) addCheckpoint(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	oldSize, hashes, checkpoint, err := parse(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	cp, _, opened, err := log.ParseCheckpoint(checkpoint, s.logVerifier.Name(), s.logVerifier)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if oldSize > cp.Size {
		http.Error(w, "the old size is larger than the checkpoint", http.StatusBadRequest)
		return
	}
	if oldSize != s.size {
		w.Header().Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, "%d\n", s.size)
		return
	}
	if s.size == cp.Size && s.size > 0 && !bytes.Equal(s.root, cp.Hash) {
		w.WriteHeader(http.StatusConflict)
		return
	}
	if s.size > 0 {
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, s.size, cp.Size, hashes, s.root, cp.Hash); err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
	}
	line, err := s.cosign(opened.Text)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.size, s.root = cp.Size, cp.Hash
	fmt.Fprint(w, line)
}

func (s *server) cosign(text string) (string, error) {
	sig, err := s.signer.Sign([]byte(text))
	if err != nil {
		return "", err
	}
	hashed := binary.BigEndian.AppendUint32(nil, s.signer.KeyHash())
	return fmt.Sprintf("— %s %s\n", s.signer.Name(), base64.StdEncoding.EncodeToString(append(hashed, sig...))), nil
}

func parse(body []byte) (uint64, [][]byte, []byte, error) {
	head, checkpoint, found := bytes.Cut(body, []byte("\n\n"))
	if !found {
		return 0, nil, nil, errors.New("no blank line")
	}
	lines := strings.Split(string(head), "\n")
	digits, isOld := strings.CutPrefix(lines[0], "old ")
	oldSize, err := strconv.ParseUint(digits, 10, 63)
	if !isOld || err != nil || strconv.FormatUint(oldSize, 10) != digits {
		return 0, nil, nil, fmt.Errorf("not an old size: %q", lines[0])
	}
	if len(lines) > 64 || (oldSize == 0 && len(lines) > 1) {
		return 0, nil, nil, errors.New("too many hashes")
	}
	var hashes [][]byte
	for _, line := range lines[1:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(hash) != sha256.Size {
			return 0, nil, nil, fmt.Errorf("not a hash: %q", line)
		}
		hashes = append(hashes, hash)
	}
	return oldSize, hashes, checkpoint, nil
}

func judge(policyFile, vkeyFile, noteFile string) error {
	text, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	policy, err := witness.ParsePolicy(text)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	logVerifier, err := readVerifier(vkeyFile)
	if err != nil {
		return err
	}
	checkpoint, err := os.ReadFile(noteFile)
	if err != nil {
		return err
	}
	cp, _, _, err := log.ParseCheckpoint(checkpoint, logVerifier.Name(), logVerifier)
	if err != nil {
		return err
	}
	if !policy.Satisfied(checkpoint) {
		return errors.New("the quorum has not cosigned the checkpoint")
	}
	stripped := append(checkpoint[:bytes.LastIndex(checkpoint, []byte("\n— "))], '\n')
	if policy.Satisfied(stripped) {
		return errors.New("the quorum is met without the cosignature")
	}
	fmt.Printf("cosigned %d\n", cp.Size)
	return nil
}
