package handler

import (
	"strconv"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestWhatCannotFitIsNotEncoded(t *testing.T) {
	resultWith := func(sources int) []result.Result {
		names := make([]string, sources)
		for i := range names {
			names[i] = "withings/vitals/source_" + strconv.Itoa(100_000+i)
		}
		return []result.Result{result.From("u", result.Answer{Status: 200, Refreshed: names})}
	}
	for name, c := range map[string]struct {
		sources   int
		sizes     []int // of Sources in what is encoded
		refreshed int   // in what is returned
	}{
		"a result that fits":               {10_000, []int{10_000}, 10_000},
		"one that fits without sources":    {100_000, []int{0}, 100_000},
		"one that fits only without lists": {250_000, []int{0}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var sizes []int
			var last result.Result
			text := shortened(resultWith(c.sources), func(results []result.Result) []byte {
				last = results[0]
				sizes = append(sizes, len(last.Sources))
				return newHTTPAnswer(last)
			})
			if len(text) > maxAnswer {
				t.Errorf("the answer has %d bytes", len(text))
			}
			if len(sizes) != len(c.sizes) || sizes[0] != c.sizes[0] {
				t.Errorf("results with %d sources have been encoded, want %d", sizes, c.sizes)
			}
			if got := len(last.RefreshedSources); got != c.refreshed {
				t.Errorf("the answer lists %d refreshed sources, want %d", got, c.refreshed)
			}
		})
	}
}

func TestMinSizeIsNeverMoreThanTheSize(t *testing.T) {
	for name, out := range map[string]result.Result{
		"no source":   result.From("u", result.Answer{Status: 200}),
		"one source":  result.From("u", result.Answer{Status: 200, Refreshed: []string{"a"}}),
		"all lists":   result.From("u", result.Answer{Status: 202, Refreshed: []string{"a/b", "c"}, InProgress: []string{"d/"}, Failed: []string{"/e"}}),
		"a bare name": result.From("u", result.Answer{Status: 200, Refreshed: []string{"/"}}),
	} {
		t.Run(name, func(t *testing.T) {
			if size, all := minSize([]result.Result{out}), len(encode([]result.Result{out})); size > all {
				t.Errorf("%d, but the JSON has %d bytes", size, all)
			}
		})
	}
}
