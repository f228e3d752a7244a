"""Building datasets: from readers and the built-in sample to checked dataset folders."""
