//go:build tools

// Package tools names the program that the harness builds, so that go.mod lists what it needs.
package tools

import _ "github.com/transparency-dev/tessera/cmd/fsck"
