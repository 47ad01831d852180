"""Networks: pure nn.Modules that know nothing of files, clocks and devices."""
