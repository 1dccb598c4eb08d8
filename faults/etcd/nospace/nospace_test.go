package nospace

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }
