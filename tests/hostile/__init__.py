"""Files made to do harm: damaged, lying, far too large. Built anew each time, from fixed seeds."""
