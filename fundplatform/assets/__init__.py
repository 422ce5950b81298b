"""The asset graph: thin declarations; sources fetch, finance computes, storage keeps."""
