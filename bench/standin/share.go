//go:build linux

package standin

import (
	"errors"
	"fmt"
	"time"
)

// WholeProcessor is the memory in MB with which Lambda gives a function a whole processor:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html. The share holds after the start.
const WholeProcessor = 1769

// period is how often a share is granted: an assumption. With a longer one a first answer is made in a single burst.
const period = 20 * time.Millisecond

// quota returns how much processor time a function with the given memory has in each period.
func quota(memory int) time.Duration { return period * time.Duration(memory) / WholeProcessor }

// Share gives processes the share of a processor that Lambda gives a memory size.
type Share interface {
	Name() string
	// limit gives a process the share from now on, until release is called.
	limit(pid, memory int) (release func(), err error)
	// Close removes what limit has made.
	Close()
}

// NewShare returns the share of a kind: "cgroup" for a control group of the kernel (version 2 or 1), "signals" for its
// stand-in, and "auto" for a control group if one may be made here.
func NewShare(kind string) (Share, error) {
	switch kind {
	case "signals":
		return signals{}, nil
	case "cgroup", "auto":
		group, err := newControlGroups()
		if err == nil {
			return group, nil
		}
		if kind == "auto" {
			return signals{}, nil
		}
		return nil, fmt.Errorf("no control group can be made here: %w", err)
	}
	return nil, errors.New("a share is auto, cgroup or signals, and not " + kind)
}
