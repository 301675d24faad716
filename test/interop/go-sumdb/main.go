// Command go-sumdb judges a receipt with the packages that Go's own module proxy trusts.
//
// Usage: go-sumdb <file with the log's vkey> <receipt>
//
// It opens the receipt's checkpoint with golang.org/x/mod/sumdb/note, and checks the entry's inclusion
// with golang.org/x/mod/sumdb/tlog. Then it sees that a changed entry, a changed place and a changed
// checkpoint are refused: a judge who accepts everything proves nothing.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type receipt struct {
	entry      []byte
	index      int64
	proof      tlog.RecordProof
	checkpoint []byte
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: go-sumdb <file with the vkey> <receipt>"))
	}
	vkey, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		fail(err)
	}
	given, err := parse(string(text))
	if err != nil {
		fail(err)
	}
	key := strings.TrimSpace(string(vkey))
	size, err := verify(key, given)
	if err != nil {
		fail(err)
	}
	if err := refuseForgeries(key, given); err != nil {
		fail(err)
	}
	fmt.Printf("entry %d of %d\n", given.index, size)
}

// parse reads a C2SP tlog-proof whose extra line holds the entry.
func parse(text string) (receipt, error) {
	var read receipt
	head, checkpoint, found := strings.Cut(text, "\n\n")
	if !found {
		return read, fmt.Errorf("no checkpoint in the receipt")
	}
	read.checkpoint = []byte(checkpoint)
	lines := strings.Split(head, "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return read, fmt.Errorf("not a tlog-proof: %q", lines[0])
	}
	extra, isExtra := strings.CutPrefix(lines[1], "extra ")
	index, isIndex := strings.CutPrefix(lines[2], "index ")
	if !isExtra || !isIndex {
		return read, fmt.Errorf("no extra line, or no index")
	}
	var err error
	if read.entry, err = base64.StdEncoding.DecodeString(extra); err != nil {
		return read, err
	}
	if read.index, err = strconv.ParseInt(index, 10, 64); err != nil {
		return read, err
	}
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return read, err
		}
		read.proof = append(read.proof, hash)
	}
	return read, nil
}

// verify gives the size of the log that was proved to hold the entry.
func verify(vkey string, given receipt) (int64, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, fmt.Errorf("vkey: %w", err)
	}
	opened, err := note.Open(given.checkpoint, note.VerifierList(verifier))
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return 0, fmt.Errorf("checkpoint: not three lines of this log: %q", opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	leaf := tlog.RecordHash(given.entry)
	if err := tlog.CheckRecord(given.proof, size, root, given.index, leaf); err != nil {
		return 0, fmt.Errorf("inclusion: %w", err)
	}
	return size, nil
}

func refuseForgeries(vkey string, given receipt) error {
	changed := given
	changed.entry = flipped(given.entry)
	moved := given
	moved.index = given.index ^ 1
	resigned := given
	resigned.checkpoint = []byte(strings.Replace(string(given.checkpoint), "\n", "x\n", 1))
	for name, forged := range map[string]receipt{
		"another entry": changed, "another place": moved, "another checkpoint": resigned,
	} {
		if _, err := verify(vkey, forged); err == nil {
			return fmt.Errorf("%s was accepted", name)
		}
	}
	return nil
}

func flipped(entry []byte) []byte {
	other := append([]byte(nil), entry...)
	other[len(other)-1] ^= 1
	return other
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
