package sdktest_test

import (
	"testing"

	"github.com/govmydata/mydata/sdk/sdktest"
)

// The same suite runs against `idp serve` in conformance/ladder.
//
//clause:kit the hub in memory, `idp serve` and `idp serve --sandbox` give the same 52 answers, word for word
func TestSuite(t *testing.T) {
	n := sdktest.Suite(t, sdktest.New(t).Deployment(checkup))
	t.Logf("%d answers", n)
}
