package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
)

// maxEvent is the largest event that Lambda accepts in a synchronous invocation, in bytes.
const maxEvent = 6 << 20

// readEvent reads an event from a file, or from standard input if its name is "-".
func readEvent(c *console, name string) ([]byte, error) {
	event, err := readInput(c, name, "the event")
	if err != nil {
		return nil, err
	}
	if !json.Valid(event) {
		return nil, usagef("the event in %s is not JSON; Lambda refuses it before the function sees it", name)
	}
	return bytes.TrimSpace(event), nil
}

// readInput reads a file, or standard input if its name is "-". what it holds is for the error.
func readInput(c *console, name, what string) ([]byte, error) {
	in := c.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, usagef("cannot read %s: %v", what, err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxEvent+1))
	switch {
	case err != nil:
		return nil, usagef("cannot read %s: %v", what, err)
	case len(text) > maxEvent:
		return nil, usagef("%s is over 6 MiB, which is more than Lambda accepts", what)
	}
	return text, nil
}
