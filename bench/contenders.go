//go:build linux

package main

import (
	"path/filepath"
	"runtime"

	"github.com/junction-refresh/junction-refresh/bench/standin"
)

// The contenders, by the names that the raw numbers have.
const (
	ours       = "junction-refresh"
	bare       = "bare Go"
	typescript = "TypeScript SDK"
	userClient = "TypeScript SDK, user client"
	python     = "Python SDK"
)

var contenders = []string{ours, bare, typescript, userClient, python}

// function returns what Lambda starts for a contender.
func (b *bench) function(contender string, services *standin.Services) standin.Function {
	built := func(names ...string) string { return absolute(filepath.Join(append([]string{b.build}, names...)...)) }
	peer := standin.Function{Environ: services.PeerEnviron()}
	switch contender {
	case ours:
		return standin.Function{Command: []string{built(hostArch(), "bootstrap")}, Environ: services.Environ()}
	case bare:
		peer.Command = []string{built(hostArch(), "bare")}
	case typescript:
		peer.Command = []string{"node", absolute("bench/peers/typescript/runtime.cjs"), built("typescript", "client.cjs")}
	case userClient:
		peer.Command = []string{"node", absolute("bench/peers/typescript/runtime.cjs"), built("typescript", "user.cjs")}
	case python:
		peer.Command = []string{absolute(filepath.Join(b.tools, "peer-python", "bin", "python")), "-m", "awslambdaric", "app.handler"}
		peer.Dir = "bench/peers/python"
	}
	return peer
}

// hostArch returns the name that template.yaml has for the processor of this machine.
func hostArch() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

func absolute(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return absolute
}
